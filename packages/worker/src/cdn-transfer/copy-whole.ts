import { hasMd5EtagForm } from '@object-transfer/core/domain/source-object';
import { adoptExisting } from './adopt-existing.ts';
import { destinationProperties } from './destination-properties.ts';
import { readContent } from './read-content.ts';
import { isSameContent, verifyWritten } from './verify-written.ts';
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
  const { expected, found, route } = plan;
  const { sizeBytes } = expected;
  // As it came, and once more as the body of the upload.
  const releaseBytes = await context.budget.acquire(2 * sizeBytes, signal);
  try {
    await context.rates.bytes.take(sizeBytes, signal);
    const { content, chunks, crc32c } = await underReadLimit(context, sizeBytes, signal, () =>
      readContent(context, plan, signal),
    );
    if (context.overwrite !== 'always' && found !== undefined && isSameContent(found, sizeBytes, crc32c)) {
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
        md5: content.etagMayBeMd5 && hasMd5EtagForm(expected.etag) ? expected.etag : undefined,
        ifGenerationMatch: found?.generation ?? '0',
        signal,
      }),
    );
    await verifyWritten(context, written, expected, crc32c, signal);
    return {
      status: 'transferred',
      bytes: sizeBytes,
      changed: plan.changed,
      route,
      missingMetadataCount: content.missingMetadataCount,
    };
  } finally {
    releaseBytes();
  }
}
