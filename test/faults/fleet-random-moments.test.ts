import { createRandom } from '@object-transfer/local-cloud/pubsub/random';
import { describe, expect, it } from 'vitest';
import type { RunningCommand } from '../e2e/command.ts';
import {
  expectAtRest,
  expectDrained,
  expectMirrored,
  expectVerified,
  publishedDirs,
  publishedKeys,
  rowsOf,
  until,
} from './fleet-audit.ts';
import { checksPublished, dumped, foundUnequal, published, repairsPublished, transferred } from './fleet-beginnings.ts';
import type { Moment } from './fleet-moments.ts';
import { FaultRig, type Flow, type ModuleName } from './fleet-rig.ts';

/** Another one: `FAULT_SEED=7 npx vitest run test/faults/fleet-random-moments.test.ts`. */
const SEED = Number(process.env['FAULT_SEED'] ?? 1);

interface Story {
  readonly module: ModuleName;
  /** Where the module takes its messages from: a worker ends when it is told to. */
  readonly flow?: Flow;
  /** How many requests and statements it sends on its way, about. */
  readonly events: number;
  readonly begin: (rig: FaultRig, dirKeys: readonly string[]) => Promise<void>;
  readonly audit: (rig: FaultRig, dirKeys: readonly string[]) => Promise<void>;
}

const isMissing = (name: string): boolean => name.endsWith('2') || name.endsWith('large');

const STORIES: readonly Story[] = [
  {
    module: 'dump',
    events: 30,
    begin: async () => {},
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).map(({ dirKey, initialTransfer }) => ({ dirKey, initialTransfer }))).toEqual(
        dirKeys.map((dirKey) => ({ dirKey, initialTransfer: true })),
      );
    },
  },
  {
    module: 'publisher objects',
    events: 40,
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
    events: 80,
    begin: published,
    audit: (rig) => expectMirrored(rig),
  },
  {
    module: 'publisher sync-check',
    events: 35,
    begin: transferred,
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).filter((row) => !row.syncCheckPublished)).toEqual([]);
      expect(await publishedDirs(rig, 'checks')).toEqual(new Set(dirKeys));
    },
  },
  {
    module: 'worker syncCheck',
    flow: 'checks',
    events: 50,
    begin: checksPublished,
    audit: expectVerified,
  },
  {
    module: 'publisher rsync',
    events: 35,
    begin: (rig, dirKeys) => foundUnequal(rig, dirKeys, isMissing),
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).filter((row) => !row.rsyncPublished)).toEqual([]);
      expect(await publishedDirs(rig, 'repairs')).toEqual(new Set(dirKeys));
    },
  },
  {
    module: 'worker rsync',
    flow: 'repairs',
    events: 90,
    begin: (rig, dirKeys) => repairsPublished(rig, dirKeys, isMissing),
    audit: async (rig) => {
      await expectMirrored(rig);
      await expectVerified(rig);
    },
  },
];

describe(`signals at moments of seed ${SEED}`, () => {
  it.each(STORIES)(
    '$module loses nothing: killed, told to stop, told twice, and started again',
    async ({ module, flow, events, begin, audit }) => {
      await using rig = await FaultRig.start();
      const random = createRandom(SEED * 7919 + STORIES.findIndex((story) => story.module === module));
      const dirKeys = rig.source.putTree();
      await begin(rig, dirKeys);
      // A worker of which the messages are done goes on waiting for others.
      const untilDone = async (running: RunningCommand): Promise<undefined> => {
        if (flow === undefined) return void (await running.ended);
        await running.waitForOutput('taking messages');
        await running.whileRunning(until(() => rig.isDrained(flow)));
      };

      for (const strike of [kill, tellToStop, tellTwice]) {
        rig.moments.restart();
        const moment = rig.moments.nth(1 + Math.floor(random() * events));
        await using running = rig.start(module);
        const held = await Promise.race([moment, untilDone(running)]);
        await strike(running, held, { isWorker: flow !== undefined, verdict: random() < 0.5 ? 'pass' : 'drop' });
        await rig.passTime();
      }
      rig.moments.restart();
      await using last = rig.start(module);
      await untilDone(last);
      // What the killed ones have left is swept up by the next.
      await until(() => rig.source.leftParts.length === 0);
      if (flow !== undefined) last.kill('SIGTERM');
      expect(await last.ended).toMatchObject({ exitCode: 0 });
      await expectAtRest(rig);
      if (flow !== undefined) expectDrained(rig, flow);
      await audit(rig, dirKeys);
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
