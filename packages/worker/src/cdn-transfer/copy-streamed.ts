import type { UploadRequest } from '@object-transfer/core/ports/object-destination';
import type { ObjectContent } from '@object-transfer/core/ports/object-source';
import { adoptExisting, isThereAlready } from './adopt-existing.ts';
import { openCollectedUpload } from './collected-upload.ts';
import { destinationProperties, md5Of } from './destination-properties.ts';
import { relayContent } from './relay-content.ts';
import type { TransferContext, TransferOutcome, TransferPlan } from './transfer-context.ts';
import { transferredOutcome } from './transferred-outcome.ts';
import { verifyWritten } from './verify-written.ts';

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
  const { expected, found, name, route, triedOut } = plan;
  const openUpload = async (content: ObjectContent) => {
    const md5 = md5Of(content, expected);
    const request: UploadRequest = {
      name,
      sizeBytes: expected.sizeBytes,
      properties: destinationProperties(content, expected.etag),
      storageClass: context.storageClassFor(content.storageClass),
      md5,
      ifGenerationMatch: found?.generation ?? '0',
      signal,
    };
    const isCollected = md5 === undefined && expected.sizeBytes < context.sessionFromBytes;
    return isCollected ? openCollectedUpload(context.destination, request) : context.destination.openUpload(request);
  };
  const isThere = (crc: number) => isThereAlready(context, plan, crc);
  const relayed = await relayContent(context, { expected, route, triedOut, openUpload, isThere }, signal);
  const { content, written, crc32c } = relayed;
  if (written === undefined) {
    await adoptExisting(context, plan, content, signal);
    return { status: 'skipped' };
  }
  await verifyWritten(context, written, expected, crc32c, signal);
  return transferredOutcome(plan, content);
}
