import { classifyError } from '@object-transfer/core/domain/classify-error';
import { DestinationError, SourceError } from '@object-transfer/core/domain/errors';
import type { AdaptiveLimit } from '@object-transfer/core/runtime/adaptive-limit';
import type { TransferContext } from './transfer-context.ts';

/** What a request costs beside its bytes, told in bytes. */
const BYTES_LIKE_A_REQUEST = 256 * 1024;

/** Tells the limit of an error that was overcome. */
export type SlowDown = (error: unknown) => void;

/**
 * Reads under the limit of reads, which hears how it went.
 * @param bytes what the read brings when it succeeds
 */
export function underReadLimit<T>(
  context: TransferContext,
  bytes: number,
  signal: AbortSignal,
  read: (slowDown: SlowDown) => Promise<T>,
): Promise<T> {
  return underLimit(context.readLimit, SourceError, bytes, signal, read);
}

/** As {@link underReadLimit}, for writing. */
export function underWriteLimit<T>(
  context: TransferContext,
  bytes: number,
  signal: AbortSignal,
  write: (slowDown: SlowDown) => Promise<T>,
): Promise<T> {
  return underLimit(context.writeLimit, DestinationError, bytes, signal, write);
}

async function underLimit<T>(
  limit: AdaptiveLimit,
  ownError: typeof SourceError | typeof DestinationError,
  bytes: number,
  signal: AbortSignal,
  work: (slowDown: SlowDown) => Promise<T>,
): Promise<T> {
  const permit = await limit.acquire(signal);
  try {
    const result = await work((error) => {
      if (isOverload(error, ownError)) permit.slowDown();
    });
    permit.release('succeeded', 1 + bytes / BYTES_LIKE_A_REQUEST);
    return result;
  } catch (error) {
    permit.release(isOverload(error, ownError) ? 'overload' : 'failed', 0);
    throw error;
  }
}

/** A stream fails on one of its sides: the other one is not to blame. */
function isOverload(error: unknown, ownError: typeof SourceError | typeof DestinationError): boolean {
  return error instanceof ownError && classifyError(error).overload;
}
