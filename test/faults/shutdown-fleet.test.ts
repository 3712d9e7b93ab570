import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCommand } from '../e2e/command.ts';
import { configuredBy } from '../e2e/fleet.ts';
import { openError } from '../e2e/operator-rig.ts';
import { listeningAddresses } from '../security/listening-sockets.ts';
import { expectAtRest } from './fleet-audit.ts';
import { foundUnequal, transferred } from './fleet-beginnings.ts';
import type { Moment } from './fleet-moments.ts';
import { FaultRig } from './fleet-rig.ts';

/** Modules that have nothing under way but with their database, held at a statement of theirs. */
interface Module {
  readonly args: string;
  /** The statement. */
  readonly heldAt: RegExp;
  /** Once it was told to stop and the statement is done. */
  readonly exitCode: 0 | 1;
  /** What it says then. */
  readonly stdout: RegExp;
}

const CLAIM = /^SQL update .*`lease_owner` = /s;
const OPEN_ERRORS = /^SQL select .*_object_errors/s;

const NOTHING = /^$/;

const MODULES: readonly Module[] = [
  { args: 'dump', heldAt: /^SQL insert into \S+ \(`dir_key`\)/, exitCode: 0, stdout: /: 2 new/ },
  {
    args: 'publisher sync-check --once --pubsub-topic-id checks',
    heldAt: CLAIM,
    exitCode: 0,
    stdout: /^\d subfolders/,
  },
  { args: 'publisher rsync --once --pubsub-topic-id repairs', heldAt: CLAIM, exitCode: 0, stdout: /^\d subfolders/ },
  // These two do nothing with what they have read.
  {
    args: 'errors retry --pubsub-topic-id objects --pubsub-subscription-id objects',
    heldAt: OPEN_ERRORS,
    exitCode: 1,
    stdout: NOTHING,
  },
  { args: 'diff --pubsub-subscription-id objects', heldAt: OPEN_ERRORS, exitCode: 1, stdout: NOTHING },
];

let rig: FaultRig;
beforeAll(async () => {
  rig = await FaultRig.start();
  // Work for each of them: rows to be repaired, to be compared and to be added, and open errors.
  rig.source.putTree(['a/', 'b/', 'c/', 'd/', 'e/'], 1);
  await foundUnequal(rig, ['a/', 'b/'], () => true);
  await transferred(rig, ['c/', 'd/'], () => true);
  await rig.store.recordObjectErrors([openError('a/', 'object 0', 'SOURCE_NOT_FOUND')]);
});
afterAll(() => rig[Symbol.asyncDispose]());
// Whoever was told twice has left its run, and its rows.
afterEach(() => rig.passTime());

/** Starts a module, waits until it is held, and tells it to stop. */
async function stopHeld({ args, heldAt }: Module): Promise<readonly [RunningCommand, Moment]> {
  rig.moments.restart();
  const reached = rig.moments.next(heldAt);
  const command = rig.fleet.start(...args.split(' '), ...configuredBy('Faults'));
  let moment: Moment | undefined;
  await command.whileRunning(reached.then((held) => void (moment = held)));
  if (moment === undefined) throw new Error('nothing is held');
  expect(await listeningAddresses(command)).toEqual([]);
  command.kill('SIGTERM');
  await command.waitForOutput('stopping: ');
  return [command, moment];
}

describe.each(MODULES)('$args, in the midst of a statement', (module) => {
  it('ends at once on the second signal, with exit code 130', async () => {
    const [command, moment] = await stopHeld(module);
    await using _ = command;
    command.kill('SIGINT');
    expect(await command.ended).toMatchObject({ exitCode: 130, signal: null });
    moment.release('drop');
  });

  it(`ends on the first signal when that is done, with exit code ${module.exitCode}`, async () => {
    const [command, moment] = await stopHeld(module);
    await using _ = command;
    moment.release('pass');
    const { exitCode, stdout } = await command.ended;
    expect({ exitCode, stdout }).toEqual({ exitCode: module.exitCode, stdout: expect.stringMatching(module.stdout) });
    await expectAtRest(rig);
    expect(rig.queue('objects').waiting).toBe(0);
  });
});
