import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { homeIn } from '../services/mariadb-database.ts';
import { connectionTo, startMariadb } from '../services/mariadb.ts';
import { FaultRig, type ModuleName } from './fleet-rig.ts';
import { endWhenDone, expectDone, STORIES } from './fleet-stories.ts';

/*
 * The database loses its power while a module is at work, and comes back with what was committed. The module sits it out.
 */

let server: Mariadb;
beforeAll(async () => {
  server = await startMariadb({ isDurable: true });
});
afterAll(() => server.close());

interface Outage {
  readonly module: ModuleName;
  /** One after the other; the server dies of the statement, which may or may not be done, or of the request. */
  readonly moments: readonly [RegExp, RegExp];
}

const CLAIM = /^SQL select .*skip locked/i;

const OUTAGES: readonly Outage[] = [
  { module: 'dump', moments: [/^SQL insert into .*\(`dir_key`\)/i, /^SQL commit/i] },
  { module: 'publisher objects', moments: [CLAIM, /^SQL update .*objects_published/i] },
  { module: 'worker cdnTransfer', moments: [/^SQL insert into .*_workers/i, /^GCS POST .*\/upload\//] },
  { module: 'publisher sync-check', moments: [CLAIM, /^SQL update .* set `sync_check_published`/i] },
  {
    module: 'worker syncCheck',
    moments: [/^SQL update .*sync_check_last_start/i, /^SQL update .*sync_check_last_end/i],
  },
  { module: 'publisher rsync', moments: [CLAIM, /^SQL update .* set `rsync_published`/i] },
  { module: 'worker rsync', moments: [/^SQL update .*rsync_last_start/i, /^SQL update .*rsync_last_end/i] },
];

it.each(OUTAGES)(
  '$module goes on where it was when MariaDB is killed and started again',
  async ({ module, moments }) => {
    const database = `faults_${OUTAGES.findIndex((outage) => outage.module === module)}`;
    const home = await homeIn(connectionTo(server, database), 'state', true);
    await using rig = await FaultRig.start({ home });
    const dirKeys = rig.source.putTree(['a/', 'b/']);
    await STORIES[module].begin(rig, dirKeys);
    const [first, second] = moments;
    let reached = rig.moments.next(first);
    await using running = rig.start(module);
    for (const following of [second, undefined]) {
      await running.whileRunning(reached.then(() => undefined));
      const killed = server.kill();
      (await reached).release('pass');
      await killed;
      // Before anybody can reach the server again.
      if (following !== undefined) reached = rig.moments.next(following);
      await server.restart();
    }
    expect(await endWhenDone(rig, module, running)).toMatchObject({ exitCode: 0 });
    await expectDone(rig, module, dirKeys);
  },
);
