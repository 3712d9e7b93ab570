import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectDrained, expectMirrored, expectVerified, until } from './fleet-audit.ts';
import { foundUnequal, publishObjectMessages, dumped, publishSubfolderMessages } from './fleet-beginnings.ts';
import { FaultRig } from './fleet-rig.ts';

let rig: FaultRig;
beforeEach(async () => {
  rig = await FaultRig.start();
});
afterEach(() => rig[Symbol.asyncDispose]());

/** What a killed process held is free at once, as its leases would run out; those of others go on. */
async function endLeasesOf(pid: number): Promise<number> {
  const ofPid = `lease_owner LIKE '%:${pid}:%'`;
  const [held] = await rig.fleet.home.query(`SELECT COUNT(*) AS held FROM ${rig.fleet.table} WHERE ${ofPid}`);
  await rig.fleet.home.query(`UPDATE ${rig.fleet.table} SET lease_expires_at = 1 WHERE ${ofPid}`);
  return Number(held?.['held']);
}

describe('a worker of two processes, of which kill -9 hits one', () => {
  it.each(['worker cdnTransfer', 'worker rsync'] as const)(
    '%s starts it again, and everything arrives',
    async (module) => {
      const flow = module === 'worker rsync' ? 'repairs' : 'objects';
      const dirKeys = rig.source.putTree();
      if (flow === 'repairs') await foundUnequal(rig, dirKeys, (name) => name.endsWith('large'));
      else await dumped(rig, dirKeys);
      await using workers = rig.start(module, '--processes', '2');
      await workers.waitForOutput('worker processes started');
      // A temporary object bears the name of the process that has the large object in its hands.
      const reached = rig.moments.next(/^GCS POST .*parts%2F[^%]*%3A\d+%3A.*\/compose/);
      if (flow === 'repairs') await publishSubfolderMessages(rig, 'repairs', dirKeys);
      else await publishObjectMessages(rig, dirKeys);
      await workers.whileRunning(reached.then(() => undefined));
      const victim = Number(/%3A(\d+)%3A/.exec((await reached).what)?.[1]);
      expect(await workers.childPids()).toContain(victim);
      process.kill(victim, 'SIGKILL');
      (await reached).release('drop');
      await workers.waitForOutput('a worker process ended with SIGKILL; starting it again');
      await workers.whileRunning(until(async () => (await workers.childPids()).length === 2));
      // Objects are held by their messages alone.
      expect((await endLeasesOf(victim)) > 0).toBe(flow === 'repairs');
      rig.passQueueTime();
      await workers.whileRunning(until(() => rig.isDrained(flow)));
      workers.kill('SIGTERM');
      expect(await workers.ended).toMatchObject({ exitCode: 0 });
      expectDrained(rig, flow);
      await expectMirrored(rig, victim);
      if (flow === 'repairs') await expectVerified(rig);
    },
  );
});
