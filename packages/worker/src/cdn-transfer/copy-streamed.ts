import { hasMd5EtagForm } from '@object-transfer/core/domain/source-object';
import type { UploadRequest } from '@object-transfer/core/ports/object-destination';
import { openCollectedUpload } from './collected-upload.ts';
import { destinationProperties } from './destination-properties.ts';
import { relayContent } from './relay-content.ts';
import type { TransferContext, TransferOutcome, TransferPlan } from './transfer-context.ts';
import { verifyWritten } from './verify-written.ts';

/** From here on a session's two further requests are worth the memory that they save. */
const SESSION_FROM_BYTES = 1024 * 1024;

/**
 * One GET and one upload that goes on while the bytes come, whatever the size. GCS holds what it has received against the
 * MD5 that the ETag is, or else against the CRC32C, before anything is under the name.
 * @throws SourceError, DestinationError, TransferError
 */
export async function copyStreamed(
  context: TransferContext,
  plan: TransferPlan,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  const { expected, found, name, route } = plan;
  const { content, written, sizeBytes, crc32c } = await relayContent(
    context,
    plan,
    async (opened) => {
      const md5 = opened.etagMayBeMd5 && hasMd5EtagForm(expected.etag) ? expected.etag : undefined;
      const request: UploadRequest = {
        name,
        sizeBytes: expected.sizeBytes,
        properties: destinationProperties(opened, expected.etag),
        storageClass: context.storageClassFor(opened.storageClass),
        md5,
        ifGenerationMatch: found?.generation ?? '0',
        signal,
      };
      const isCollected = md5 === undefined && expected.sizeBytes < SESSION_FROM_BYTES;
      return isCollected ? openCollectedUpload(context.destination, request) : context.destination.openUpload(request);
    },
    signal,
  );
  await verifyWritten(context, written, expected, crc32c, signal);
  return {
    status: 'transferred',
    bytes: sizeBytes,
    changed: plan.changed,
    route,
    missingMetadataCount: content.missingMetadataCount,
  };
}
