import { describeError } from '@object-transfer/core/domain/classify-error';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { DEFAULT_RETRY_POLICY, retry } from '@object-transfer/core/runtime/retry';

const PARALLEL_DELETES = 16;

/**
 * Deletes objects that only the destination has, each in the generation that the listing had: what was written since stays.
 * One that cannot be deleted leaves the others to be; the comparison afterwards finds it again.
 * @returns how many were deleted
 */
export async function deleteExtras(
  destination: Pick<ObjectDestination, 'delete'>,
  extras: readonly DestinationObject[],
  logger: Logger,
  signal: AbortSignal,
): Promise<number> {
  const remaining = extras.values();
  let deleted = 0;
  const deleteRemaining = async () => {
    for (const { name, generation } of remaining) {
      try {
        await retry(DEFAULT_RETRY_POLICY, { signal }, () => destination.delete(name, generation, signal));
        deleted++;
      } catch (error) {
        signal.throwIfAborted();
        const { code, message: reason } = describeError(error);
        logger.warn({ name, code, reason }, 'an object that only the destination has could not be deleted');
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_DELETES }, deleteRemaining));
  return deleted;
}
