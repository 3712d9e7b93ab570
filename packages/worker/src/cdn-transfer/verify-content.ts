import { SourceError } from '@object-transfer/core/domain/errors';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import type { ByteRange, ObjectContent, ObjectReader } from '@object-transfer/core/ports/object-source';
import type { Route, TransferContext } from './transfer-context.ts';

/** What is to be read. */
export interface ContentRequest {
  readonly route: Route;
  readonly expected: ExpectedObject;
  /** `undefined` reads the whole object. */
  readonly range?: ByteRange | undefined;
  /** As in a read request. */
  readonly streamed?: boolean | undefined;
}

/**
 * Opens an object, or one range of it, and verifies what the answer says before its body is read: strong ETag and size
 * must be the expected ones.
 * @throws SourceError: `SOURCE_STALE_COPY` for another ETag, `SOURCE_TRANSFORMED_COPY` for a weak or absent one,
 * `SOURCE_SIZE_MISMATCH`, and what the reader throws
 */
export async function openContent(
  context: TransferContext,
  { route, expected, range, streamed }: ContentRequest,
  signal: AbortSignal,
): Promise<ObjectContent> {
  const content = await readerFor(context, route).read({
    key: expected.key,
    range,
    ifMatch: range === undefined ? undefined : expected.etag,
    bypassCache: route === 'cdn-past-cache',
    streamed,
    signal,
  });
  const doubt = doubtAbout(content, expected, wantedBytesOf(expected, range));
  if (doubt === undefined) return content;
  content.cancel();
  throw doubt;
}

export function wantedBytesOf(expected: ExpectedObject, range: ByteRange | undefined): number {
  return range === undefined ? expected.sizeBytes : range.end - range.start + 1;
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

export function sizeMismatch(key: string, wanted: number, got: number): SourceError {
  return new SourceError('SOURCE_SIZE_MISMATCH', `expected ${wanted} bytes of ${JSON.stringify(key)}, got ${got}`, {
    op: 'GetObject',
    source: key,
  });
}
