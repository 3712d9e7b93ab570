import { adoptExisting, isThereAlready } from './adopt-existing.ts';
import { destinationProperties, md5Of } from './destination-properties.ts';
import { readContent } from './read-content.ts';
import { transferredOutcome } from './transferred-outcome.ts';
import { verifyWritten } from './verify-written.ts';
import type { TransferContext, TransferOutcome, TransferPlan } from './transfer-context.ts';
import { underReadLimit, underWriteLimit } from './under-limit.ts';

/**
 * One GET and one upload, in memory, for objects that are not worth more.
 * @throws SourceError, DestinationError, TransferError; nothing unverified is left under the final name
 */
export async function copyWhole(
  context: TransferContext,
  plan: TransferPlan,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  const { expected, found } = plan;
  const { sizeBytes } = expected;
  // As it came, and once more as the body of the upload.
  const releaseBytes = await context.budget.acquire(2 * sizeBytes, signal);
  try {
    await context.rates.bytes.take(sizeBytes, signal);
    const { content, chunks, crc32c } = await underReadLimit(context, sizeBytes, signal, () =>
      readContent(context, plan, signal),
    );
    if (isThereAlready(context, plan, crc32c)) {
      await adoptExisting(context, plan, content, signal);
      return { status: 'skipped' };
    }
    await context.rates.writes.take(1, signal);
    const written = await underWriteLimit(context, sizeBytes, signal, () =>
      context.destination.write({
        name: plan.name,
        content: chunks,
        properties: destinationProperties(content, expected.etag),
        storageClass: context.storageClassFor(content.storageClass),
        crc32c,
        md5: md5Of(content, expected),
        ifGenerationMatch: found?.generation ?? '0',
        signal,
      }),
    );
    await verifyWritten(context, written, expected, crc32c, signal);
    return transferredOutcome(plan, content);
  } finally {
    releaseBytes();
  }
}
