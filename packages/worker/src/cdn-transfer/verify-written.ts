import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { TransferError } from '@object-transfer/core/domain/errors';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import { retry } from '@object-transfer/core/runtime/retry';
import type { TransferContext } from './transfer-context.ts';

/** True where the destination already has exactly these bytes. */
export function isSameContent(found: DestinationObject, sizeBytes: number, crc32c: number): boolean {
  return found.sizeBytes === sizeBytes && found.crc32c === crc32c;
}

/**
 * Holds what GCS says it has stored against what was sent. Where they differ the object is taken away again, as long as
 * it is still the one just written.
 * @throws TransferError `TRANSFER_CHECKSUM_MISMATCH`
 */
export async function verifyWritten(
  context: TransferContext,
  written: DestinationObject,
  expected: ExpectedObject,
  crc32c: number,
  signal: AbortSignal,
): Promise<void> {
  if (isSameContent(written, expected.sizeBytes, crc32c)) return;
  await retry(context.retryPolicy, { signal }, () =>
    context.destination.delete(written.name, written.generation, signal),
  );
  throw new TransferError(
    'TRANSFER_CHECKSUM_MISMATCH',
    `GCS stored ${written.sizeBytes} bytes with crc32c ${written.crc32c} for ${JSON.stringify(expected.key)}; sent were ${expected.sizeBytes} bytes with crc32c ${crc32c}`,
    { op: 'objects.insert', source: expected.key, destination: written.name },
  );
}
