import { crc32c } from '@node-rs/crc32';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { ObjectUpload } from '@object-transfer/core/ports/object-destination';
import type { ObjectContent } from '@object-transfer/core/ports/object-source';
import type { TransferContext } from './transfer-context.ts';
import { underReadLimit, underWriteLimit } from './under-limit.ts';
import { openContent, sizeMismatch, wantedBytesOf, type ContentRequest } from './verify-content.ts';

/**
 * What a stream counts for in the budget of bytes: the two blocks of 1 MiB that are read into by turns, and half as much for what
 * 64 streams at a time were seen to take beside them.
 */
const STREAM_BYTES = 3 * 1024 * 1024;

export interface RelayedContent {
  readonly content: ObjectContent;
  readonly written: DestinationObject;
  readonly sizeBytes: number;
  /** Of the bytes received. */
  readonly crc32c: number;
}

/**
 * Reads an object, or one range of it, and writes it while it comes, each side waiting for the other. The CRC32C is computed
 * over the bytes as they arrive.
 * @param openUpload opens the upload for what the answer says about the object
 * @throws SourceError as `openContent`, DestinationError; nothing unverified is left under a final name
 */
export async function relayContent(
  context: TransferContext,
  request: Omit<ContentRequest, 'streamed'>,
  openUpload: (content: ObjectContent) => Promise<ObjectUpload>,
  signal: AbortSignal,
): Promise<RelayedContent> {
  const wantedBytes = wantedBytesOf(request.expected, request.range);
  const releaseBytes = await context.budget.acquire(Math.min(STREAM_BYTES, wantedBytes), signal);
  try {
    await context.rates.writes.take(1, signal);
    return await underReadLimit(context, wantedBytes, signal, () =>
      underWriteLimit(context, wantedBytes, signal, () => relay(context, request, wantedBytes, openUpload, signal)),
    );
  } finally {
    releaseBytes();
  }
}

async function relay(
  context: TransferContext,
  request: Omit<ContentRequest, 'streamed'>,
  wantedBytes: number,
  openUpload: (content: ObjectContent) => Promise<ObjectUpload>,
  signal: AbortSignal,
): Promise<RelayedContent> {
  const content = await openContent(context, { ...request, streamed: true }, signal);
  let upload: ObjectUpload | undefined;
  try {
    upload = await openUpload(content);
    let sizeBytes = 0;
    let crc = 0;
    for await (const piece of content.body) {
      sizeBytes += piece.length;
      if (sizeBytes > wantedBytes) break;
      crc = crc32c(piece, crc);
      await context.rates.bytes.take(piece.length, signal);
      await upload.write(piece);
    }
    if (sizeBytes !== wantedBytes) throw sizeMismatch(request.expected.key, wantedBytes, sizeBytes);
    return { content, written: await upload.finish(crc), sizeBytes, crc32c: crc };
  } catch (error) {
    content.cancel();
    await upload?.abort();
    throw error;
  }
}
