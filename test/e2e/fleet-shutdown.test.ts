import { afterEach, describe, expect, it } from 'vitest';
import { MariadbProxy } from '../services/mariadb-proxy.ts';
import { expectExitCode } from './command.ts';
import { configuredBy, Fleet } from './fleet.ts';
import { ENTITIES, prepareFleet, putReferenceConfiguration, ROOT, SECRET } from './reference-configuration.ts';
import { putObjects } from './source-objects.ts';

/** Of the 30 s that a preempted VM gets. */
const BUDGET_MS = 25_000;

let fleet: Fleet;
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
