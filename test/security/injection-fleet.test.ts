import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectExitCode } from '../e2e/command.ts';
import { configuredBy, Fleet, PROJECT } from '../e2e/fleet.ts';
import { publishTo, pullFrom } from '../e2e/pubsub-client.ts';
import {
  DESTINATION_ROOT,
  ENTITIES,
  ERROR_TOPIC,
  prepareFleet,
  putReferenceConfiguration,
  ROOT,
  SUBSCRIPTION,
  TOPIC,
} from '../e2e/reference-configuration.ts';
import { UploadGate } from '../e2e/upload-gate.ts';
import { CANARY_FILE, PAYLOADS } from './payloads.ts';

const DIR_KEYS = PAYLOADS.map((payload) => `${payload}/`);
const PUBLISHER = configuredBy(ENTITIES.publisher);

const gate = new UploadGate(Number.POSITIVE_INFINITY);
let fleet: Fleet;
let prepared: unknown;
beforeAll(async () => {
  fleet = await Fleet.start({ interceptGcs: gate.intercept });
  putReferenceConfiguration(fleet);
  await fleet.home.query("CREATE TABLE bystander (name VARCHAR(50)); INSERT INTO bystander VALUES ('still here')");
  await prepareFleet(fleet);
  prepared = await columns();
  for (const payload of PAYLOADS) fleet.rehearsal.source.put(`${ROOT}/${payload}/${payload}`, payload);
});
afterAll(() => fleet[Symbol.asyncDispose]());

function columns(): Promise<unknown> {
  return fleet.home.query(
    `SELECT table_name AS of, column_name AS name, column_type AS type FROM information_schema.columns
       WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`,
  );
}

/** Every table is as it was made, each subfolder has its name, and no command has been run. */
async function expectNothingInjected(): Promise<void> {
  expect(await columns()).toEqual(prepared);
  expect(await fleet.home.query('SELECT name FROM bystander')).toEqual([{ name: 'still here' }]);
  const rows = await fleet.home.query(`SELECT dir_key FROM ${fleet.table}`);
  expect(rows.map((row) => String(row['dir_key'])).toSorted()).toEqual(['', ...DIR_KEYS].toSorted());
  expect(existsSync(fleet.rehearsal.path(CANARY_FILE))).toBe(false);
}

describe('with MariaDB and the SQL of the operator, hostile names', () => {
  it('of a dump file are bound to insert_query', async () => {
    await writeFile(fleet.rehearsal.path('dump.txt'), DIR_KEYS.map((dirKey) => `${dirKey}\n`).join(''));
    const query = `INSERT INTO ${fleet.table} (dir_key, sync_check_error) VALUES (%s, '%s ? %%d'' -- ')`;
    const args = ['dumpToMySQL', ...configuredBy(ENTITIES.dump), '--dump_file', 'dump.txt', '--insert-query', query];
    expectExitCode(await fleet.command(...args), 0);
    await expectNothingInjected();
    // What is in quotes is no placeholder.
    const [row] = await fleet.home.query(`SELECT DISTINCT sync_check_error AS text FROM ${fleet.table}`);
    expect(row).toEqual({ text: "%s ? %d' -- " });
  });

  it('are published with a pull_query and an update_query that hold %s and ? in their literals', async () => {
    const pull = `SELECT dir_key FROM ${fleet.table} WHERE initial_transfer AND NOT cdn_transfer_published AND dir_key <> '%s?' LIMIT 100`;
    const update = `UPDATE ${fleet.table} SET initial_transfer = FALSE, cdn_transfer_published = TRUE, sync_check_error = '?%%s' WHERE dir_key = %s`;
    const args = ['publisher', 'objects', ...PUBLISHER, '--pull-query', pull, '--update-query', update, '--json'];
    const published = await fleet.command(...args);
    expectExitCode(published, 0);
    expect(JSON.parse(published.stdout)).toMatchObject({ objects: PAYLOADS.length, failures: [] });
    await expectNothingInjected();
  });

  it('are not even looked for by an override with a second statement behind a comment', async () => {
    const query = `SELECT dir_key FROM ${fleet.table} /* ' */; DROP TABLE bystander -- '`;
    const refused = await fleet.command('publisher', 'objects', ...PUBLISHER, '--pull-query', query);
    expectExitCode(refused, 2);
    expect(refused.stderr).toContain('CONFIG_INVALID');
    await expectNothingInjected();
  });
});

/** Messages that no worker can use. All of them are legal in Pub/Sub. */
const POISON: Readonly<Record<string, string>> = {
  'an array of arrays, 100,000 deep': '['.repeat(100_000) + ']'.repeat(100_000),
  'an object of objects, 100,000 deep': `${'{"v":'.repeat(100_000)}2${'}'.repeat(100_000)}`,
  'nothing but openings': '['.repeat(1_000_000),
  'properties of every object': '{"__proto__":{"v":2,"dir":"a/","objects":[{"k":"a","s":1,"e":"e"}]}}',
  'a constructor': '{"constructor":{"prototype":{"v":2}},"v":2}',
  'a size that is none': '{"v":2,"dir":"a/","objects":[{"k":"a","s":1e400,"e":"e"}]}',
  'a key that is an object': '{"v":2,"dir":"a/","objects":[{"k":{"toString":1},"s":1,"e":"e"}]}',
  'a NUL and more': '\0\u001B[2J',
  'half a character': '["\\ud800"]',
};

it('a worker sets hostile messages aside, reads nothing outside of its root, and brings objects of hostile names over', async () => {
  const outside = [`../${ROOT}/x`, `${ROOT}x/y`, '/etc/passwd', "'; DROP TABLE bystander; --"];
  await publishTo(fleet, TOPIC, Object.values(POISON));
  // A well-formed message may name any dir and any key: nothing outside of the root is read.
  const forged = outside.map((key) => encodeObjectMessage('x"/\'; --/', [{ key, sizeBytes: 1, etag: 'e' }]));
  await publishTo(fleet, TOPIC, forged);
  await using worker = fleet.start('worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker), '--json');
  await worker.whileRunning(gate.answered(PAYLOADS.length));
  const aside = await pullFrom(fleet, `${ERROR_TOPIC}-sub`, Object.keys(POISON).length + outside.length);
  worker.kill('SIGTERM');
  const result = await worker.ended;
  expectExitCode(result, 0);
  const poisons = aside.filter(({ attributes }) => attributes['code'] === 'MESSAGE_MALFORMED');
  expect(poisons.map(({ data }) => data).toSorted()).toEqual(Object.values(POISON).toSorted());
  const refused = aside.filter(({ attributes }) => attributes['code'] === 'SOURCE_KEY_OUTSIDE_ROOT');
  expect(refused.map(({ data }) => data).toSorted()).toEqual(forged.toSorted());
  const arrived = [...(await fleet.rehearsal.destination())].map(([name, bytes]) => [name, bytes.toString()]);
  expect(new Map(arrived as [string, string][])).toEqual(
    new Map(PAYLOADS.map((payload) => [`${DESTINATION_ROOT}/${payload}/${payload}`, payload])),
  );
  expect(fleet.pubsub.stats().subscriptions[`projects/${PROJECT}/subscriptions/${SUBSCRIPTION}`]).toMatchObject({
    waiting: 0,
    outstanding: 0,
  });
  // One line each: no key and no message can write a log line of its own.
  for (const line of result.stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('severity');
  await expectNothingInjected();
});
