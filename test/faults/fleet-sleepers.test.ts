import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunningCommand } from '../e2e/command.ts';
import { DESTINATION_BUCKET } from '../e2e/rehearsal.ts';
import { expectAtRest, expectMirrored, expectVerified, publishedDirs, rowsOf, until } from './fleet-audit.ts';
import {
  dumped,
  findUnequal,
  foundUnequal,
  publishObjectMessages,
  publishSubfolderMessages,
  startComparison,
  transferred,
} from './fleet-beginnings.ts';
import type { Moment } from './fleet-moments.ts';
import { FaultRig, type ModuleName } from './fleet-rig.ts';
import { DESTINATION_ROOT } from './fleet-source.ts';
import { endWhenDone } from './fleet-stories.ts';

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

interface Asleep {
  readonly sleeper: RunningCommand;
  readonly moment: Moment;
}

/**
 * Starts a module and lets it fall asleep at a moment. Its connections to Pub/Sub do not survive that.
 * @param give gives a worker its messages, once it has looked at whether it can work
 */
async function fallAsleep(module: ModuleName, at: RegExp, give?: () => Promise<void>): Promise<Asleep> {
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
async function other(module: ModuleName): Promise<void> {
  await using running = rig.start(module);
  expect(await endWhenDone(rig, module, running)).toMatchObject({ exitCode: 0 });
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

/** Wakes somebody up who is the only one of its kind, and whose place another one has taken. It says so. */
async function wakeReplaced({ sleeper, moment }: Asleep): Promise<void> {
  sleeper.kill('SIGCONT');
  moment.release('pass');
  const woken = await sleeper.ended;
  expect(woken.exitCode).toBe(3);
  expect(woken.stderr).toContain('another run has taken over');
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

  it('publisher sync-check, which leaves alone what a worker compares by now', async () => {
    await transferred(rig, ['a/']);
    const asleep = await fallAsleep('publisher sync-check', /^SQL update .* set `sync_check_published`/i);
    await rig.passTime();
    await other('publisher sync-check');
    const lease = await startComparison(rig, 'a/');
    const before = await table();
    await wakeReplaced(asleep);
    expect(await table()).toEqual(before);
    expect(await rig.store.releaseSyncCheck(lease)).toBe(true);
  });

  it('publisher rsync, which does not hide that a row is to be repaired once more', async () => {
    rig.source.put('a/object');
    await foundUnequal(rig, ['a/'], () => true);
    const asleep = await fallAsleep('publisher rsync', /^SQL update .* set `rsync_published`/i);
    expect(await publishedDirs(rig, 'repairs')).toEqual(new Set(['a/']));
    await rig.passTime();
    await other('publisher rsync');
    await other('worker rsync');
    await expectVerified(rig);
    rig.source.put('a/later');
    await findUnequal(rig, 'a/');
    await wakeReplaced(asleep);
    // Before it is told of the other it may claim the row anew: then there is a message.
    const isPublished = rig.queue('repairs').waiting > 0;
    expect(await rowsOf(rig)).toMatchObject([{ dirKey: 'a/', rsyncPublished: isPublished }]);
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
    await other('worker cdnTransfer');
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
    await other('worker syncCheck');
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
    await other('worker rsync');
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
    const asleep = await fallAsleep('dump', /^SQL insert into .*dir_key/i);
    await rig.passTime();
    await other('dump');
    await rig.fleet.home.query(`UPDATE ${rig.fleet.table} SET initial_transfer = FALSE WHERE dir_key = 'a/'`);
    const before = await table();
    await wakeReplaced(asleep);
    expect(await table()).toEqual(before);
    expect((await rowsOf(rig)).map(({ dirKey }) => dirKey)).toEqual(dirKeys);
    await expectAtRest(rig);
  });
});
