import { crc32c } from '@node-rs/crc32';
import type { ObjectContent } from '@object-transfer/core/ports/object-source';
import type { TransferContext } from './transfer-context.ts';
import { openContent, sizeMismatch, type ContentRequest } from './verify-content.ts';

export interface ReadContent {
  readonly content: ObjectContent;
  readonly chunks: readonly Uint8Array[];
  readonly crc32c: number;
}

/**
 * Reads an object into memory. The CRC32C is computed over the bytes as they arrive.
 * @throws SourceError as {@link openContent}, also `SOURCE_SIZE_MISMATCH` for what comes
 */
export async function readContent(
  context: TransferContext,
  request: Omit<ContentRequest, 'range' | 'streamed'>,
  signal: AbortSignal,
): Promise<ReadContent> {
  const { key, sizeBytes: wantedBytes } = request.expected;
  const content = await openContent(context, request, signal);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  let crc = 0;
  for await (const chunk of content.body) {
    sizeBytes += chunk.length;
    // Leaving the loop cancels the body: no more than one chunk beyond the budget is ever held.
    if (sizeBytes > wantedBytes) break;
    crc = crc32c(chunk, crc);
    chunks.push(chunk);
  }
  if (sizeBytes !== wantedBytes) throw sizeMismatch(key, wantedBytes, sizeBytes);
  return { content, chunks, crc32c: crc };
}
