import { SourceError } from '../domain/errors.ts';
import type { ObjectContent, ReadRequest } from '../ports/object-source.ts';
import { parseContentRange, rangeHeader } from './content-range.ts';
import { headerInteger, headerText } from './header-values.ts';
import { sendRequest, type HttpAnswer } from './http-exchange.ts';
import { parseObjectHeaders } from './object-headers.ts';
import type { ObjectConnections } from './object-connections.ts';
import { sourceConnectionError, sourceStatusError, type SourceRequest } from './source-failure.ts';
import { sendOverWire } from './wire/wire-answer.ts';

/** One GET, as S3 and a CDN before it understand it alike. */
export interface ObjectGet {
  readonly connections: ObjectConnections;
  /** Sent as it is: `.`, `..` and empty segments survive. */
  readonly rawPath: string;
  /** Beyond those that every GET has. */
  readonly headers: Readonly<Record<string, string>>;
  readonly read: ReadRequest;
  readonly request: SourceRequest;
}

/** As much of an error's body as is read for its message. */
const MAX_ERROR_BODY_BYTES = 16 * 1024;

/**
 * Sends a GET and checks status and, for a range, `Content-Range`.
 * @throws SourceError with the code that fits; the abort reason where `read.signal` is aborted
 */
export async function getObject(get: ObjectGet): Promise<ObjectContent> {
  const { read, request } = get;
  const answer = await send(get);
  const { status, headers } = answer;
  if (status >= 300) throw await refusal(get, answer);
  const length = headerInteger(headers, 'content-length');
  let bodyBytes = length;
  let objectBytes = length;
  if (read.range !== undefined) {
    const range = parseContentRange(headerText(headers, 'content-range'));
    const rangeBytes = read.range.end - read.range.start + 1;
    const honoured = status === 206 && range?.start === read.range.start && range.end === read.range.end;
    if (!honoured || (length !== undefined && length !== rangeBytes)) throw rangeNotHonoured(get, answer);
    bodyBytes = rangeBytes;
    objectBytes = range.objectBytes;
  } else if (status !== 200) {
    throw rangeNotHonoured(get, answer);
  }
  return {
    ...parseObjectHeaders(headers),
    bodyBytes,
    objectBytes,
    body: verifiedLength(answer.body, bodyBytes, request, read.signal),
    cancel: () => answer.discard(),
  };
}

async function send(get: ObjectGet): Promise<HttpAnswer> {
  const { read } = get;
  // Encoded bodies would be a transformation of the object: only the stored bytes will do.
  const headers: Record<string, string> = { ...get.headers, 'accept-encoding': 'identity' };
  if (read.range !== undefined) headers['range'] = rangeHeader(read.range);
  if (read.ifMatch !== undefined) headers['if-match'] = `"${read.ifMatch}"`;
  try {
    const sending = { method: 'GET', path: get.rawPath, headers, signal: read.signal } as const;
    const { pool, wire } = get.connections;
    return await (read.streamed === true ? sendOverWire(wire, sending) : sendRequest(pool, sending));
  } catch (error) {
    throw sourceConnectionError(get.request, error, read.signal);
  }
}

async function refusal(get: ObjectGet, answer: HttpAnswer): Promise<unknown> {
  try {
    const { bytes } = await answer.take(MAX_ERROR_BODY_BYTES);
    return sourceStatusError(get.request, answer.status, answer.headers, bytes.toString());
  } catch (error) {
    return sourceConnectionError(get.request, error, get.read.signal);
  }
}

/** The answer is not the part asked for. It may be the whole of a large object: its body is not read. */
function rangeNotHonoured(get: ObjectGet, answer: HttpAnswer): SourceError {
  answer.discard();
  const asked = get.read.range === undefined ? 'the whole object' : rangeHeader(get.read.range);
  const range = headerText(answer.headers, 'content-range') ?? 'no Content-Range';
  return new SourceError(
    'SOURCE_RANGE_NOT_HONOURED',
    `${get.request.op} ${get.request.source}: asked for ${asked}, got HTTP ${answer.status} with ${range}`,
    { op: get.request.op, source: get.request.source, httpStatus: answer.status },
  );
}

async function* verifiedLength(
  body: AsyncIterable<Uint8Array>,
  promisedBytes: number | undefined,
  request: SourceRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  try {
    for await (const chunk of body) {
      received += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw sourceConnectionError(request, error, signal);
  }
  if (promisedBytes !== undefined && received !== promisedBytes) {
    throw new SourceError(
      'SOURCE_SIZE_MISMATCH',
      `${request.op} ${request.source}: the body has ${received} bytes, ${promisedBytes} were promised`,
      { op: request.op, source: request.source },
    );
  }
}
