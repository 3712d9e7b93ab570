import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { DEFAULT_RETRY_POLICY, retry } from '@object-transfer/core/runtime/retry';

const PARTS_FOLDER = '.object-transfer-parts/';

/** Where the temporary parts of a process live: beside the objects, in a folder that no subfolder row covers. */
export function partsPrefix(gcsRootPrefix: string, processId: string): string {
  return `${gcsRootPrefix}${PARTS_FOLDER}${processId}/`;
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
 * @param isDead decides by the process id in a part's name; parts of processes that may be alive stay
 * @throws DestinationError where the parts cannot be listed
 */
export async function sweepParts(
  destination: ObjectDestination,
  gcsRootPrefix: string,
  isDead: (processId: string) => boolean,
  signal: AbortSignal,
): Promise<SweepResult> {
  const prefix = `${gcsRootPrefix}${PARTS_FOLDER}`;
  const result = { deleted: 0, failed: 0, firstError: undefined as unknown };
  for await (const page of destination.listObjects({ prefix, signal })) {
    const dead = page.objects.filter(({ name }) => isDead(name.slice(prefix.length).split('/')[0] ?? '')).values();
    const deleteRemaining = async () => {
      for (const { name, generation } of dead) {
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
