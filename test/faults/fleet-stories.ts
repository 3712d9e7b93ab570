import { expect } from 'vitest';
import type { CommandResult, RunningCommand } from '../e2e/command.ts';
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
import type { FaultRig, Flow, ModuleName } from './fleet-rig.ts';

/** What a module is given to do, and what there has to be once it has done it, whatever has happened on the way. */
interface Story {
  /** Where it takes its messages from: a worker goes on waiting for more of them until it is told to stop. */
  readonly flow?: Flow;
  readonly begin: (rig: FaultRig, dirKeys: readonly string[]) => Promise<void>;
  readonly audit: (rig: FaultRig, dirKeys: readonly string[]) => Promise<void>;
}

const isMissing = (name: string): boolean => name.endsWith('2') || name.endsWith('large');

export const STORIES: Readonly<Record<ModuleName, Story>> = {
  dump: {
    begin: async () => {},
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).map(({ dirKey, initialTransfer }) => ({ dirKey, initialTransfer }))).toEqual(
        dirKeys.map((dirKey) => ({ dirKey, initialTransfer: true })),
      );
    },
  },
  'publisher objects': {
    begin: dumped,
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).map((row) => [row.dirKey, row.cdnTransferPublished, row.objectsPublished])).toEqual(
        dirKeys.map((dirKey) => [dirKey, true, rig.source.listed(dirKey).length]),
      );
      const keys = dirKeys.flatMap((dirKey) => rig.source.listed(dirKey).map(({ key }) => key));
      expect(await publishedKeys(rig)).toEqual(new Set(keys));
    },
  },
  'worker cdnTransfer': {
    flow: 'objects',
    begin: published,
    audit: (rig) => expectMirrored(rig),
  },
  'publisher sync-check': {
    begin: transferred,
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).filter((row) => !row.syncCheckPublished)).toEqual([]);
      expect(await publishedDirs(rig, 'checks')).toEqual(new Set(dirKeys));
    },
  },
  'worker syncCheck': {
    flow: 'checks',
    begin: checksPublished,
    audit: expectVerified,
  },
  'publisher rsync': {
    begin: (rig, dirKeys) => foundUnequal(rig, dirKeys, isMissing),
    audit: async (rig, dirKeys) => {
      expect((await rowsOf(rig)).filter((row) => !row.rsyncPublished)).toEqual([]);
      expect(await publishedDirs(rig, 'repairs')).toEqual(new Set(dirKeys));
    },
  },
  'worker rsync': {
    flow: 'repairs',
    begin: (rig, dirKeys) => repairsPublished(rig, dirKeys, isMissing),
    audit: async (rig) => {
      await expectMirrored(rig);
      await expectVerified(rig);
    },
  },
};

/** Resolves when a module has nothing left to do. */
export async function untilDone(rig: FaultRig, module: ModuleName, running: RunningCommand): Promise<void> {
  const { flow } = STORIES[module];
  if (flow === undefined) {
    await running.ended;
    return;
  }
  await running.waitForOutput('taking messages');
  await running.whileRunning(until(() => rig.isDrained(flow)));
}

/** Waits for that, and tells a worker to stop. @returns how it ended */
export async function endWhenDone(rig: FaultRig, module: ModuleName, running: RunningCommand): Promise<CommandResult> {
  await untilDone(rig, module, running);
  if (STORIES[module].flow !== undefined) running.kill('SIGTERM');
  return running.ended;
}

/** All is done, nothing is lost, and nobody holds anything. */
export async function expectDone(rig: FaultRig, module: ModuleName, dirKeys: readonly string[]): Promise<void> {
  const { flow, audit } = STORIES[module];
  await expectAtRest(rig);
  if (flow !== undefined) expectDrained(rig, flow);
  await audit(rig, dirKeys);
}
