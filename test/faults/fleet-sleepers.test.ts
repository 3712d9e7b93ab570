import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunningCommand } from '../e2e/command.ts';
import { DESTINATION_BUCKET } from '../e2e/rehearsal.ts';
import { expectAtRest, expectMirrored, expectVerified, rowsOf, until } from './fleet-audit.ts';
import {
  dumped,
  foundUnequal,
  publishObjectMessages,
  publishSubfolderMessages,
  transferred,
} from './fleet-beginnings.ts';
import type { Moment } from './fleet-moments.ts';
import { FaultRig, type Flow, type ModuleName } from './fleet-rig.ts';
import { DESTINATION_ROOT } from './fleet-source.ts';

/*
 * A process that stands still for longer than its leases (SIGSTOP, a VM that is moved, a laptop that is closed) wakes up with
 * work in its hands that others have done meanwhile. Nothing that it does then may undo theirs.
 */

let rig: FaultRig;
let cleanup: AsyncDisposableStack;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  rig = cleanup.use(await FaultRig.start());
});
afterEach(() => cleanup.disposeAsync());

/**
 * Starts a module and lets it fall asleep at a moment. Its connections to Pub/Sub do not survive that.
 * @param give gives a worker its messages, once it has looked at whether it can work
 */
async function fallAsleep(
  module: ModuleName,
  at: RegExp,
  give?: () => Promise<void>,
): Promise<{ sleeper: RunningCommand; moment: Moment }> {
  const sleeper = cleanup.use(rig.start(module));
  if (give !== undefined) await sleeper.waitForOutput('taking messages');
  const reached = rig.moments.next(at);
  await give?.();
  await sleeper.whileRunning(reached.then(() => undefined));
  await sleeper.suspend();
  rig.fleet.pubsub.dropConnections();
  return { sleeper, moment: await reached };
}

/** Another process of the module does what there is. */
async function other(module: ModuleName, flow?: Flow): Promise<void> {
  await using running = rig.start(module);
  if (flow !== undefined) {
    await running.waitForOutput('taking messages');
    await running.whileRunning(until(() => rig.isDrained(flow)));
    running.kill('SIGTERM');
  }
  expect(await running.ended).toMatchObject({ exitCode: 0 });
}

function table(): Promise<readonly Record<string, unknown>[]> {
  return rig.fleet.home.query(`SELECT * FROM ${rig.fleet.table} ORDER BY dir_key`);
}

function generationOf(name: string): string | undefined {
  return rig.fleet.rehearsal.gcs.objects.resource(DESTINATION_BUCKET, DESTINATION_ROOT + name)?.generation;
}

/** Calls that say what has become of messages. */
function settled(): number {
  const { Acknowledge = 0, ModifyAckDeadline = 0 } = rig.fleet.pubsub.stats().calls;
  return Acknowledge + ModifyAckDeadline;
}

/** Wakes a worker up and waits until it has told Pub/Sub what has become of its message; then it is told to stop. */
async function wakeToTheEnd(sleeper: RunningCommand): Promise<string> {
  const before = settled();
  sleeper.kill('SIGCONT');
  await sleeper.whileRunning(until(() => settled() > before));
  sleeper.kill('SIGTERM');
  const woken = await sleeper.ended;
  expect(woken).toMatchObject({ exitCode: 0 });
  return woken.stdout;
}

describe('what a sleeper held is done by others, and it changes nothing of that when it wakes up:', () => {
  it('publisher objects, which says whose leases it lost', async () => {
    await dumped(rig, rig.source.putTree(['a/', 'b/']));
    const { sleeper, moment } = await fallAsleep('publisher objects', /^S3 GET .*prefix=photos%2Fa%2F/);
    // What it is told is what there was when it fell asleep.
    moment.release('pass');
    await rig.passTime();
    rig.source.put('a/later');
    await other('publisher objects');
    const before = await table();
    expect(before.map(({ dir_key, objects_published }) => [dir_key, objects_published])).toEqual([
      ['', 6],
      ['a/', 8],
      ['b/', 6],
    ]);
    sleeper.kill('SIGCONT');
    const woken = await sleeper.ended;
    expect(woken).toMatchObject({ exitCode: 0 });
    const { leasesLost, failures } = JSON.parse(woken.stdout) as { leasesLost: number; failures: unknown };
    expect(leasesLost).toBeGreaterThan(0);
    expect(failures).toEqual([]);
    expect(await table()).toEqual(before);
  });

  it('worker cdnTransfer, with the bytes of an object that is another one now', async () => {
    await dumped(rig, ['']);
    rig.source.put('object');
    const { sleeper, moment } = await fallAsleep('worker cdnTransfer', /^CDN GET /, () =>
      publishObjectMessages(rig, ['']),
    );
    moment.release('pass');
    // The CDN has the old one for as long as the sleeper.
    await until(() => rig.fleet.rehearsal.cdn.cachedBytes() > 0);
    rig.source.put('object', 'its second version', 1000);
    await publishObjectMessages(rig, ['']);
    rig.passQueueTime();
    await other('worker cdnTransfer', 'objects');
    await expectMirrored(rig);
    const { acked } = rig.queue('objects');
    const generation = generationOf('object');
    expect(JSON.parse(await wakeToTheEnd(sleeper))).toMatchObject({ objectsTransferred: 0 });
    await expectMirrored(rig);
    expect(generationOf('object')).toBe(generation);
    expect(rig.queue('objects')).toMatchObject({ acked, waiting: 0, outstanding: 0 });
  });

  it('worker syncCheck, with listings that are not true any more', async () => {
    rig.source.put('a/object 0');
    rig.source.put('a/object 1');
    await transferred(rig, ['a/'], (name) => name === 'a/object 0');
    const { sleeper, moment } = await fallAsleep('worker syncCheck', /^SQL .*object_errors/, () =>
      publishSubfolderMessages(rig, 'checks', ['a/']),
    );
    rig.source.mirror();
    await rig.passTime();
    await other('worker syncCheck', 'checks');
    await expectVerified(rig);
    const before = await table();
    moment.release('pass');
    await wakeToTheEnd(sleeper);
    expect(await table()).toEqual(before);
    await expectVerified(rig);
  });

  it('worker rsync, with the bytes of an object that is another one now', async () => {
    rig.source.put('a/object 0');
    rig.source.put('a/object 1');
    await foundUnequal(rig, ['a/'], (name) => name === 'a/object 0');
    const { sleeper, moment } = await fallAsleep('worker rsync', /^CDN GET /, () =>
      publishSubfolderMessages(rig, 'repairs', ['a/']),
    );
    moment.release('pass');
    await until(() => rig.fleet.rehearsal.cdn.cachedBytes() > 0);
    rig.source.put('a/object 0', 'its second version', 1000);
    await rig.passTime();
    await other('worker rsync', 'repairs');
    await expectMirrored(rig);
    await expectVerified(rig);
    const before = await table();
    const generation = generationOf('a/object 0');
    await wakeToTheEnd(sleeper);
    expect(await table()).toEqual(before);
    expect(generationOf('a/object 0')).toBe(generation);
    await expectMirrored(rig);
    await expectVerified(rig);
  });

  it('dump, in the midst of adding its rows, which then says so', async () => {
    const dirKeys = rig.source.putTree();
    const { sleeper, moment } = await fallAsleep('dump', /^SQL insert into .*dir_key/i);
    await rig.passTime();
    await other('dump');
    await rig.fleet.home.query(`UPDATE ${rig.fleet.table} SET initial_transfer = FALSE WHERE dir_key = 'a/'`);
    const before = await table();
    sleeper.kill('SIGCONT');
    moment.release('pass');
    const woken = await sleeper.ended;
    expect(woken.exitCode).toBe(3);
    expect(woken.stderr).toContain('another run has taken over');
    expect(await table()).toEqual(before);
    expect((await rowsOf(rig)).map(({ dirKey }) => dirKey)).toEqual(dirKeys);
    await expectAtRest(rig);
  });
});
