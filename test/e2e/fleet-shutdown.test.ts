import { writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { MariadbProxy } from '../services/mariadb-proxy.ts';
import { expectExitCode, RunningCommand, type CommandOptions } from './command.ts';
import { configuredBy, Fleet } from './fleet.ts';
import { ENTITIES, prepareFleet, putReferenceConfiguration, ROOT, SECRET } from './reference-configuration.ts';
import type { RehearsalOptions } from './rehearsal.ts';
import { putObjects } from './source-objects.ts';
import { UploadGate } from './upload-gate.ts';

/** Of the 30 s that a preempted VM gets. */
const BUDGET_MS = 25_000;

/** What it gets. */
const GRACE_MS = 30_000;

let fleet: Fleet;
/** It forwards whatever a server speaks. */
let proxy: MariadbProxy;
afterEach(async () => {
  await proxy.close();
  await fleet[Symbol.asyncDispose]();
});

describe('SIGTERM to a worker whose database', () => {
  it.each([
    ['is gone', (database: MariadbProxy) => database.close()],
    ['does not answer any more', async (database: MariadbProxy) => database.stall()],
  ])('%s ends it within its time', async (_how, goAway) => {
    fleet = await Fleet.start();
    proxy = await MariadbProxy.start(fleet.home.connection.port);
    putReferenceConfiguration(fleet);
    const mysql = { ...fleet.mysqlConfig, port: proxy.port };
    fleet.putSecret(SECRET, JSON.stringify({ aws_key_id: 'local', aws_key_secret: 'local', mysql_config: mysql }));
    putObjects(fleet.rehearsal.source, new Map([[`${ROOT}/folder/object`, Buffer.from('content')]]));
    await prepareFleet(fleet);
    await using worker = fleet.start('worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker));
    await worker.waitForOutput('taking messages');
    await goAway(proxy);
    const signalledAt = performance.now();
    worker.kill('SIGTERM');
    expectExitCode(await worker.ended, 0);
    expect(performance.now() - signalledAt).toBeLessThan(BUDGET_MS);
  });
});

/** What a command sees of the fleet through {@link proxy}. */
async function startBehindProxy(intercept: RehearsalOptions): Promise<CommandOptions> {
  fleet = await Fleet.start(intercept);
  proxy = await MariadbProxy.start(Number(fleet.pubsub.host.split(':')[1]));
  putReferenceConfiguration(fleet);
  putObjects(fleet.rehearsal.source, new Map([[`${ROOT}/folder/object`, Buffer.from('content')]]));
  await prepareFleet(fleet);
  await writeFile(fleet.rehearsal.path('dump.txt'), 'folder/\n');
  expectExitCode(await fleet.command('dump', ...configuredBy(ENTITIES.dump), '--dump_file', 'dump.txt'), 0);
  const environment = { ...fleet.environment, PUBSUB_EMULATOR_HOST: `127.0.0.1:${proxy.port}` };
  return { cwd: fleet.rehearsal.directory, environment };
}

describe('SIGTERM where Pub/Sub does not answer any more', () => {
  it('a worker with messages in its hands ends within its grace, and loses nothing', async () => {
    const gate = new UploadGate(0);
    const options = await startBehindProxy({ interceptGcs: gate.intercept });
    expectExitCode(await fleet.command('publisher', 'objects', ...configuredBy(ENTITIES.publisher)), 0);
    await using worker = new RunningCommand(['worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker)], options);
    await worker.whileRunning(gate.seen(1));
    proxy.stall();
    const signalledAt = performance.now();
    worker.kill('SIGTERM');
    gate.release();
    expectExitCode(await worker.ended, 0);
    expect(performance.now() - signalledAt).toBeLessThan(GRACE_MS);
    expect(fleet.pubsub.stats()).toMatchObject({ acked: 0 });
    expect(await fleet.rehearsal.destination()).toHaveProperty('size', 1);
  });

  it('a publisher ends within its grace, with exit code 1 and nothing marked as published', async () => {
    const options = await startBehindProxy({
      interceptS3: ({ url = '' }) => {
        if (url.includes(`prefix=${ROOT}%2Ffolder%2F`)) proxy.stall();
        return false;
      },
    });
    await using publisher = new RunningCommand(['publisher', 'objects', ...configuredBy(ENTITIES.publisher)], options);
    await publisher.whileRunning(proxy.withheld);
    const signalledAt = performance.now();
    publisher.kill('SIGTERM');
    expectExitCode(await publisher.ended, 1);
    expect(performance.now() - signalledAt).toBeLessThan(GRACE_MS);
    const rows = await fleet.home.query(`SELECT cdn_transfer_published AS published FROM ${fleet.table}`);
    expect(rows).toContainEqual({ published: 0 });
  });
});
