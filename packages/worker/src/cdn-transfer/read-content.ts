import { crc32c } from '@node-rs/crc32';
import { SourceError } from '@object-transfer/core/domain/errors';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import type { ByteRange, ObjectContent, ObjectReader } from '@object-transfer/core/ports/object-source';
import type { Route, TransferContext } from './transfer-context.ts';

export interface ReadContent {
  readonly content: ObjectContent;
  readonly chunks: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly crc32c: number;
}

/**
 * Reads an object or one range of it into memory and verifies what came: strong ETag and size must be the expected
 * ones. The CRC32C is computed over the bytes as they arrive.
 * @throws SourceError: `SOURCE_STALE_COPY` for another ETag, `SOURCE_TRANSFORMED_COPY` for a weak or absent one,
 * `SOURCE_SIZE_MISMATCH`, and what the reader throws
 */
export async function readContent(
  context: TransferContext,
  route: Route,
  expected: ExpectedObject,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<ReadContent> {
  const content = await readerFor(context, route).read({
    key: expected.key,
    range,
    ifMatch: range === undefined ? undefined : expected.etag,
    bypassCache: route === 'cdn-past-cache',
    signal,
  });
  const wantedBytes = range === undefined ? expected.sizeBytes : range.end - range.start + 1;
  const doubt = doubtAbout(content, expected, wantedBytes);
  if (doubt !== undefined) {
    content.cancel();
    throw doubt;
  }
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
  if (sizeBytes !== wantedBytes) throw sizeMismatch(expected.key, wantedBytes, sizeBytes);
  return { content, chunks, sizeBytes, crc32c: crc };
}

function readerFor(context: TransferContext, route: Route): ObjectReader {
  return route === 's3' && context.direct !== undefined ? context.direct : context.cdn;
}

function doubtAbout(content: ObjectContent, expected: ExpectedObject, wantedBytes: number): SourceError | undefined {
  const context = { op: 'GetObject', source: expected.key };
  if (content.etag === undefined) {
    return new SourceError(
      'SOURCE_TRANSFORMED_COPY',
      `the copy of ${JSON.stringify(expected.key)} has no ETag`,
      context,
    );
  }
  if (content.weakEtag) {
    const reason = `the copy of ${JSON.stringify(expected.key)} has the weak ETag ${content.etag}: it was transformed on its way`;
    return new SourceError('SOURCE_TRANSFORMED_COPY', reason, context);
  }
  if (content.etag !== expected.etag) {
    const reason = `the copy of ${JSON.stringify(expected.key)} has the ETag ${content.etag}, listed was ${expected.etag}`;
    return new SourceError('SOURCE_STALE_COPY', reason, context);
  }
  if (content.objectBytes !== undefined && content.objectBytes !== expected.sizeBytes) {
    return sizeMismatch(expected.key, expected.sizeBytes, content.objectBytes);
  }
  if (content.bodyBytes !== undefined && content.bodyBytes !== wantedBytes) {
    return sizeMismatch(expected.key, wantedBytes, content.bodyBytes);
  }
  return undefined;
}

function sizeMismatch(key: string, wanted: number, got: number): SourceError {
  return new SourceError('SOURCE_SIZE_MISMATCH', `expected ${wanted} bytes of ${JSON.stringify(key)}, got ${got}`, {
    op: 'GetObject',
    source: key,
  });
}
