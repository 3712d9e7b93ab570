import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { DEFAULT_RETRY_POLICY, retry } from '@object-transfer/core/runtime/retry';

const PARTS_FOLDER = '.object-transfer-parts/';

/** Where the temporary parts of a process live: beside the objects, in a folder that no subfolder row covers. */
export function partsPrefix(gcsRootPrefix: string, processId: string): string {
  return `${gcsRootPrefix}${PARTS_FOLDER}${processId}/`;
}

/** Where parts are looked for, and whose are deleted. */
export interface PartsSweep {
  readonly destination: Pick<ObjectDestination, 'listObjects' | 'delete'>;
  readonly gcsRootPrefix: string;
  /** Decides by the process id in a part's name; parts of processes that may be alive stay. */
  readonly isDead: (processId: string) => boolean | Promise<boolean>;
}

export interface SweepResult {
  readonly deleted: number;
  /** Left for the next sweep, and why the first of them was. */
  readonly failed: number;
  readonly firstError: unknown;
}

const PARALLEL_DELETES = 16;

/**
 * Deletes the temporary parts that dead processes left behind. A part that cannot be deleted costs money, not objects:
 * it is counted, and the others are deleted.
 * @throws DestinationError where the parts cannot be listed, and whatever `isDead` throws
 */
export async function sweepParts(
  { destination, gcsRootPrefix, isDead }: PartsSweep,
  signal: AbortSignal,
): Promise<SweepResult> {
  const prefix = `${gcsRootPrefix}${PARTS_FOLDER}`;
  const verdicts = new Map<string, boolean>();
  const result = { deleted: 0, failed: 0, firstError: undefined as unknown };
  for await (const page of destination.listObjects({ prefix, signal })) {
    const dead: DestinationObject[] = [];
    for (const object of page.objects) {
      const processId = object.name.slice(prefix.length).split('/')[0] ?? '';
      const verdict = verdicts.get(processId) ?? (await isDead(processId));
      verdicts.set(processId, verdict);
      if (verdict) dead.push(object);
    }
    const remaining = dead.values();
    const deleteRemaining = async () => {
      for (const { name, generation } of remaining) {
        try {
          await retry(DEFAULT_RETRY_POLICY, { signal }, () => destination.delete(name, generation, signal));
          result.deleted++;
        } catch (error) {
          signal.throwIfAborted();
          result.failed++;
          result.firstError ??= error;
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_DELETES }, deleteRemaining));
  }
  return result;
}
