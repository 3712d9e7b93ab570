import { createRandom } from '@object-transfer/local-cloud/pubsub/random';
import { describe, expect, it } from 'vitest';
import type { RunningCommand } from '../e2e/command.ts';
import { until } from './fleet-audit.ts';
import type { Moment } from './fleet-moments.ts';
import { FaultRig, type ModuleName } from './fleet-rig.ts';
import { endWhenDone, expectDone, STORIES, untilDone } from './fleet-stories.ts';

/** Another one: `FAULT_SEED=7 npx vitest run test/faults/fleet-random-moments.test.ts`. */
const SEED = Number(process.env['FAULT_SEED'] ?? 1);

/** How many requests and statements each module sends on its way, about. */
const EVENTS: readonly (readonly [ModuleName, number])[] = [
  ['dump', 30],
  ['publisher objects', 40],
  ['worker cdnTransfer', 80],
  ['publisher sync-check', 35],
  ['worker syncCheck', 50],
  ['publisher rsync', 35],
  ['worker rsync', 90],
];
const STRUCK = EVENTS.map(([module, events], index) => ({ module, events, seed: SEED * 7919 + index }));

describe(`signals at moments of seed ${SEED}`, () => {
  it.each(STRUCK)(
    '$module loses nothing: killed, told to stop, told twice, and started again',
    async ({ module, events, seed }) => {
      await using rig = await FaultRig.start();
      const random = createRandom(seed);
      const dirKeys = rig.source.putTree();
      const { flow, begin } = STORIES[module];
      await begin(rig, dirKeys);

      for (const strike of [kill, tellToStop, tellTwice]) {
        rig.moments.restart();
        const moment = rig.moments.nth(1 + Math.floor(random() * events));
        await using running = rig.start(module);
        const held = await Promise.race([moment, untilDone(rig, module, running).then(() => undefined)]);
        await strike(running, held, { isWorker: flow !== undefined, verdict: random() < 0.5 ? 'pass' : 'drop' });
        await rig.passTime();
      }
      rig.moments.restart();
      await using last = rig.start(module);
      await untilDone(rig, module, last);
      // What the killed ones have left is swept up by the next.
      await until(() => rig.source.leftParts.length === 0);
      expect(await endWhenDone(rig, module, last)).toMatchObject({ exitCode: 0 });
      await expectDone(rig, module, dirKeys);
    },
  );
});

interface Circumstances {
  readonly isWorker: boolean;
  /** Whether what was on its way at that moment still arrives. */
  readonly verdict: 'pass' | 'drop';
}

async function kill(
  running: RunningCommand,
  held: Moment | undefined,
  { isWorker, verdict }: Circumstances,
): Promise<void> {
  running.kill('SIGKILL');
  const { signal } = await running.ended;
  const hadEnded = held === undefined && !isWorker;
  expect(signal).toBe(hadEnded ? null : 'SIGKILL');
  held?.release(verdict);
}

async function tellToStop(
  running: RunningCommand,
  held: Moment | undefined,
  { isWorker }: Circumstances,
): Promise<void> {
  running.kill('SIGTERM');
  if (held !== undefined) await running.waitForOutput('stopping: ');
  held?.release('pass');
  const result = await running.ended;
  // What is not done is no success of a command that is to do all of it; a worker does what there is.
  expect(isWorker ? [0] : [0, 1]).toContain(result.exitCode);
  expect(result.stderr).not.toContain('not at an end');
}

/** The second signal ends it at once. */
async function tellTwice(running: RunningCommand, held: Moment | undefined): Promise<void> {
  running.kill('SIGTERM');
  if (held === undefined) {
    await running.ended;
    return;
  }
  await running.waitForOutput('stopping: ');
  running.kill('SIGINT');
  expect(await running.ended).toMatchObject({ exitCode: 130 });
  held.release('drop');
}
