import { describeError } from '@object-transfer/core/domain/classify-error';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { DEFAULT_RETRY_POLICY, retry } from '@object-transfer/core/runtime/retry';
import type { TransferContext } from '../cdn-transfer/transfer-context.ts';

const PARALLEL_DELETES = 16;

/**
 * Deletes objects that only the destination has, each in the generation that the listing had: what was written since stays. S3
 * is asked once more for each: an object may have come to the source, and even arrived, after its page was listed. One that cannot be deleted leaves the others to be; the comparison afterwards finds it again.
 * @returns how many were deleted
 */
export async function deleteExtras(
  { destination, stater, mapping, rates }: Pick<TransferContext, 'destination' | 'stater' | 'mapping' | 'rates'>,
  extras: readonly DestinationObject[],
  logger: Logger,
  signal: AbortSignal,
): Promise<number> {
  const remaining = extras.values();
  let deleted = 0;
  const deleteRemaining = async () => {
    for (const { name, generation } of remaining) {
      try {
        const key = mapping.s3RootPrefix + name.slice(mapping.gcsRootPrefix.length);
        if ((await retry(DEFAULT_RETRY_POLICY, { signal }, () => stater.stat(key, signal))) !== undefined) continue;
        await retry(DEFAULT_RETRY_POLICY, { signal }, async () => {
          await rates.writes.take(1, signal);
          await destination.delete(name, generation, signal);
        });
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
