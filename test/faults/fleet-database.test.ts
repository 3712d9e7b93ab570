import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { homeIn } from '../services/mariadb-database.ts';
import { connectionTo, startMariadb } from '../services/mariadb.ts';
import {
  expectAtRest,
  expectDrained,
  expectMirrored,
  expectVerified,
  publishedKeys,
  rowsOf,
  until,
} from './fleet-audit.ts';
import { checksPublished, dumped, published, repairsPublished } from './fleet-beginnings.ts';
import { FaultRig, type Flow, type ModuleName } from './fleet-rig.ts';

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
  readonly flow?: Flow;
  /** One after the other; the server dies of the statement, which may or may not be done, or of the request. */
  readonly moments: readonly RegExp[];
  readonly begin: (rig: FaultRig, dirKeys: readonly string[]) => Promise<void>;
  readonly audit: (rig: FaultRig, dirKeys: readonly string[]) => Promise<void>;
}

const isMissing = (name: string): boolean => name.endsWith('1');

const OUTAGES: readonly Outage[] = [
  {
    module: 'publisher objects',
    moments: [/^SQL select .*skip locked/i, /^SQL update .*objects_published/i],
    begin: dumped,
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).map((row) => [row.dirKey, row.cdnTransferPublished, row.objectsPublished])).toEqual(
        dirKeys.map((dirKey) => [dirKey, true, rig.source.listed(dirKey).length]),
      );
      const keys = dirKeys.flatMap((dirKey) => rig.source.listed(dirKey).map(({ key }) => key));
      expect(await publishedKeys(rig)).toEqual(new Set(keys));
    },
  },
  {
    module: 'worker cdnTransfer',
    flow: 'objects',
    moments: [/^SQL insert into .*_workers/i, /^GCS POST .*\/upload\//],
    begin: published,
    audit: (rig) => expectMirrored(rig),
  },
  {
    module: 'worker syncCheck',
    flow: 'checks',
    moments: [/^SQL update .*sync_check_last_start/i, /^SQL update .*sync_check_last_end/i],
    begin: checksPublished,
    audit: expectVerified,
  },
  {
    module: 'worker rsync',
    flow: 'repairs',
    moments: [/^SQL update .*rsync_last_start/i, /^SQL update .*rsync_last_end/i],
    begin: (rig, dirKeys) => repairsPublished(rig, dirKeys, isMissing),
    audit: async (rig) => {
      await expectMirrored(rig);
      await expectVerified(rig);
    },
  },
];

it.each(OUTAGES)(
  '$module goes on where it was when MariaDB is killed and started again',
  async ({ module, flow, moments, begin, audit }) => {
    const database = `faults_${OUTAGES.findIndex((outage) => outage.module === module)}`;
    const home = await homeIn(connectionTo(server, database), 'state', true);
    await using rig = await FaultRig.start({ home });
    const dirKeys = rig.source.putTree(['a/', 'b/']);
    await begin(rig, dirKeys);
    await using running = rig.start(module);
    for (const pattern of moments) {
      const reached = rig.moments.next(pattern);
      await running.whileRunning(reached.then(() => undefined));
      const killed = server.kill();
      (await reached).release('pass');
      await killed;
      await server.restart();
    }
    if (flow !== undefined) {
      await running.whileRunning(until(() => rig.isDrained(flow)));
      running.kill('SIGTERM');
    }
    expect(await running.ended).toMatchObject({ exitCode: 0 });
    await expectAtRest(rig);
    if (flow !== undefined) expectDrained(rig, flow);
    await audit(rig, dirKeys);
  },
);
