import { decodeObjectMessage, decodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import { isVerified, type Subfolder } from '@object-transfer/core/domain/subfolder';
import { expect, vi } from 'vitest';
import { PROJECT } from '../e2e/fleet.ts';
import { pullFrom } from '../e2e/pubsub-client.ts';
import { ERRORS, type FaultRig, type Flow } from './fleet-rig.ts';

/** Waits for something that is to happen. Generous: the machine may be busy with other things. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 100_000, interval: 25 });
}

export function rowsOf(rig: FaultRig): Promise<readonly Subfolder[]> {
  return rig.store.listSubfolders(undefined, 1000);
}

/**
 * Object by object: bytes, headers and metadata; and nothing temporary is left.
 * @param killed a process whose parts nobody has swept up yet
 */
export async function expectMirrored(rig: FaultRig, killed?: number): Promise<void> {
  expect(await rig.source.found()).toEqual(rig.source.expected());
  expect(rig.source.leftParts.filter((name) => !name.includes(`:${killed}:`))).toEqual([]);
}

/** Every message of a flow is acked, and nothing was given up. */
export function expectDrained(rig: FaultRig, flow: Flow): void {
  expect(rig.queue(flow)).toMatchObject({ waiting: 0, outstanding: 0, deadLettered: 0 });
  expect(rig.fleet.pubsub.stats().topics[`projects/${PROJECT}/topics/${ERRORS}`]).toEqual({ published: 0 });
}

/** Nobody holds a row, or works on one. */
export async function expectAtRest(rig: FaultRig): Promise<void> {
  const held = await rig.fleet.home.query(
    `SELECT dir_key FROM ${rig.fleet.table}
      WHERE lease_owner IS NOT NULL OR sync_check_in_progress OR rsync_in_progress`,
  );
  expect(held).toEqual([]);
}

/** At rest, every row verified, and no object has an open error. */
export async function expectVerified(rig: FaultRig): Promise<void> {
  await expectAtRest(rig);
  expect((await rowsOf(rig)).filter((row) => !isVerified(row))).toEqual([]);
  expect(await rig.store.countOpenObjectErrors()).toEqual([]);
}

/** Takes what is on the queue. @returns the keys that are named, each once */
export async function publishedKeys(rig: FaultRig): Promise<ReadonlySet<string>> {
  const messages = await pullFrom(rig.fleet, 'objects', rig.queue('objects').waiting);
  return new Set(messages.flatMap(({ data }) => decodeObjectMessage(data).objects.map(({ key }) => key)));
}

/** As {@link publishedKeys}, for the subfolders of comparisons or repairs. */
export async function publishedDirs(rig: FaultRig, flow: 'checks' | 'repairs'): Promise<ReadonlySet<string>> {
  const messages = await pullFrom(rig.fleet, flow, rig.queue(flow).waiting);
  return new Set(messages.flatMap(({ data }) => decodeSubfolderMessage(data).dirs));
}
