import { readdir, writeFile } from 'node:fs/promises';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectExitCode } from '../e2e/command.ts';
import { openError } from '../e2e/operator-rig.ts';
import { Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { LINE_BREAK_PAYLOADS, PATH_PAYLOADS, PAYLOADS } from './payloads.ts';
import { readSqliteTables, type SqliteTables } from './sqlite-tables.ts';

const STATE = 'object-transfer.sqlite';
const DIR_KEYS = PAYLOADS.map((payload) => `${payload}/`);
const KEYS = [...PAYLOADS, ...PATH_PAYLOADS, ...PAYLOADS.map((payload) => `${payload}/${payload}`)];

let rehearsal: Rehearsal;
let untouched: SqliteTables;
beforeAll(async () => {
  rehearsal = await Rehearsal.start();
  const state = await openEmbeddedState(rehearsal.path('untouched.sqlite'), { owner: 'test:1:00000000' });
  await state.close();
  untouched = readSqliteTables(rehearsal.path('untouched.sqlite'));
});
afterAll(() => rehearsal[Symbol.asyncDispose]());

/** Nothing but what was meant: all tables as they are in a new file, each subfolder by its name, no file that was not there. */
async function expectNothingInjected(files: readonly string[] = []): Promise<void> {
  const { schema, dirKeys } = readSqliteTables(rehearsal.path(STATE));
  expect(schema).toEqual(untouched.schema);
  const folders = [...KEYS, ...LINE_BREAK_PAYLOADS].filter((key) => key.includes('/'));
  expect(new Set(dirKeys)).toEqual(new Set(['', ...folders.map((key) => key.slice(0, key.indexOf('/') + 1))]));
  const known = new Set([...files, STATE, 'untouched.sqlite', 'report.json', '.cache']);
  const found = (await readdir(rehearsal.directory)).filter((name) => !known.has(name.replace(/-(?:wal|shm)$/, '')));
  expect(found).toEqual([]);
}

describe('keys and dir names that are statements, commands, options or formats, with SQLite', () => {
  it('are moved and stored as they are by worker processes, and what cannot be a name arrives under another', async () => {
    const contents = new Map(KEYS.map((key) => [key, Buffer.from(`content of ${key}`)]));
    for (const [key, bytes] of contents) rehearsal.source.put(key, bytes);
    for (const key of LINE_BREAK_PAYLOADS) rehearsal.source.put(key, key);
    const result = await rehearsal.run('--processes', '2', '--forbidden-names', 'rename');
    expectExitCode(result, 0);
    const arrived = await rehearsal.destination();
    for (const [key, bytes] of contents) expect(arrived.get(key)).toEqual(bytes);
    const renamed = [...arrived].filter(([name]) => !contents.has(name));
    expect(renamed.map(([, bytes]) => bytes.toString()).toSorted()).toEqual(LINE_BREAK_PAYLOADS.toSorted());
    await expectNothingInjected();
  });

  it('are lines of a dump file that name subfolders', async () => {
    await writeFile(rehearsal.path('dump.txt'), DIR_KEYS.map((dirKey) => `${dirKey}\n`).join(''));
    const args = ['--s3-bucket', SOURCE_BUCKET, '--dump_file', 'dump.txt', '--json'];
    const dumped = await rehearsal.command('dump', ...args);
    expectExitCode(dumped, 0);
    expect(JSON.parse(dumped.stdout)).toMatchObject({ listed: DIR_KEYS.length + 1, new: 0 });
    await expectNothingInjected(['dump.txt']);
  });

  it('select subfolders by their names, and as globs at most those that match', async () => {
    const state = await openEmbeddedState(rehearsal.path(STATE), { owner: 'test:1:00000000' });
    await state.stateStore.recordObjectErrors(DIR_KEYS.map((dirKey) => openError(dirKey, 'x', 'SOURCE_NOT_FOUND')));
    await state.close();
    const dirs = DIR_KEYS.map((dirKey) => `--dir=${dirKey}`);
    const diff = await rehearsal.command('diff', '--json', ...dirs.slice(1));
    expectExitCode(diff, 0);
    const told = diff.stdout.trimEnd().split('\n');
    expect(told.map((line) => (JSON.parse(line) as { readonly dir: string }).dir).toSorted()).toEqual(
      DIR_KEYS.slice(1).toSorted(),
    );
    const reset = await rehearsal.command('reset', 'sync-check', ...dirs.slice(1), '--json');
    expectExitCode(reset, 0);
    expect(JSON.parse(reset.stdout)).toMatchObject({ subfolders: DIR_KEYS.length - 1 });
    const drop = `'; DROP TABLE object_transfer_state; --`;
    const globs = [`' OR '1'='1`, '%', drop].map((glob) => `--glob=${glob}`);
    const counted = await rehearsal.command('reset', 'sync-check', ...globs, '--dry-run', '--json');
    expectExitCode(counted, 0);
    expect(PAYLOADS).toContain(drop);
    expect(JSON.parse(counted.stdout)).toMatchObject({ subfolders: 1 });
    const abandoned = await rehearsal.command('abandon', `--dir=${PAYLOADS[0] ?? ''}`, '--json');
    expectExitCode(abandoned, 0);
    expect(JSON.parse(abandoned.stdout)).toEqual({ dir: DIR_KEYS[0], wasHeld: false });
    const errors = await rehearsal.command('errors', 'list', `--dir=x' OR '1'='1/`, '--json');
    expect(JSON.parse(errors.stdout)).toMatchObject({ total: 1 });
    await expectNothingInjected(['dump.txt']);
  });
});
