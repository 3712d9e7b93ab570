import { classifyError } from '@object-transfer/core/domain/classify-error';
import { hasMd5EtagForm } from '@object-transfer/core/domain/source-object';
import { destinationProperties } from './destination-properties.ts';
import { readContent } from './read-content.ts';
import { isSameContent, verifyWritten } from './verify-written.ts';
import type { TransferContext, TransferOutcome, TransferPlan } from './transfer-context.ts';

/**
 * One GET and one upload, in memory, for objects of at most one part.
 * @throws SourceError, DestinationError, TransferError; nothing unverified is left under the final name
 */
export async function copyWhole(
  context: TransferContext,
  plan: TransferPlan,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  const { expected, found, route } = plan;
  const releaseBytes = await context.budget.acquire(expected.sizeBytes, signal);
  try {
    await context.rates.bytes.take(expected.sizeBytes, signal);
    const permit = await context.limit.acquire(signal);
    try {
      const read = await readContent(context, route, expected, undefined, signal);
      const { content } = read;
      const properties = destinationProperties(content, expected.etag);
      await context.rates.writes.take(1, signal);
      if (context.overwrite !== 'always' && found !== undefined && isSameContent(found, read.sizeBytes, read.crc32c)) {
        await context.destination.updateProperties(plan.name, found.generation, properties, signal);
        permit.release('succeeded', 1);
        return { status: 'skipped' };
      }
      const written = await context.destination.write({
        name: plan.name,
        content: read.chunks,
        sizeBytes: read.sizeBytes,
        properties,
        storageClass: context.storageClassFor(content.storageClass),
        crc32c: read.crc32c,
        md5: content.etagMayBeMd5 && hasMd5EtagForm(expected.etag) ? expected.etag : undefined,
        ifGenerationMatch: found?.generation ?? '0',
        signal,
      });
      await verifyWritten(context, written, expected, read.crc32c, signal);
      permit.release('succeeded', 1);
      return {
        status: 'transferred',
        bytes: read.sizeBytes,
        changed: plan.changed,
        route,
        missingMetadataCount: content.missingMetadataCount,
      };
    } catch (error) {
      permit.release(classifyError(error).overload ? 'overload' : 'failed', 0);
      throw error;
    }
  } finally {
    releaseBytes();
  }
}
