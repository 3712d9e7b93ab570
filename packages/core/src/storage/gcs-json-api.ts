import { Readable } from 'node:stream';
import type { Pool } from 'undici';
import { DestinationError } from '../domain/errors.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
import { gcsConnectionError, gcsStatusError, type GcsOperation } from './gcs-failure.ts';
import type { GcsTokenSource } from './gcs-token-source.ts';
import { readBoundedBody } from './response-body.ts';

/** May be sent more than once. */
export interface GcsRequestBody {
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly pieces: Buffer | readonly Uint8Array[];
}

interface GcsRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly body?: GcsRequestBody | undefined;
  readonly operation: GcsOperation;
  readonly signal: AbortSignal;
}

/** Sends requests to the JSON API with a token, and maps what it refuses. */
export interface GcsJsonApi {
  /** @returns the body's text. @throws DestinationError with the code that fits; the abort reason where aborted */
  send(request: GcsRequest): Promise<string>;
  close(): Promise<void>;
}

/** A page of 1,000 names of 1,024 bytes, escaped, stays below; errors are far smaller. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** @param tokens `undefined` where none are wanted: an emulator, or a bucket that anybody may write to */
export function createGcsJsonApi(pool: Pool, tokens: GcsTokenSource | undefined): GcsJsonApi {
  return {
    async send(request) {
      if (tokens === undefined) return textOf(request, await exchange(pool, request, undefined));
      const { signal } = request;
      signal.throwIfAborted();
      const token = await unlessAborted(tokens.token(), signal);
      const answer = await exchange(pool, request, token);
      if (answer.status !== 401) return textOf(request, answer);
      // A token may be revoked before its time: one try with another.
      tokens.discard(token);
      return textOf(request, await exchange(pool, request, await unlessAborted(tokens.token(), signal)));
    },
    close: () => pool.destroy(),
  };
}

/** Fields that are `undefined` are left out. */
export function jsonBody(value: unknown): GcsRequestBody {
  const pieces = Buffer.from(JSON.stringify(value));
  return { contentType: 'application/json; charset=UTF-8', sizeBytes: pieces.length, pieces };
}

interface Answer {
  readonly status: number;
  readonly headers: Parameters<typeof gcsStatusError>[2];
  readonly text: string;
  readonly complete: boolean;
}

async function exchange(pool: Pool, request: GcsRequest, token: string | undefined): Promise<Answer> {
  const { method, path, body, signal } = request;
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (body !== undefined) {
    headers['content-type'] = body.contentType;
    headers['content-length'] = String(body.sizeBytes);
  }
  signal.throwIfAborted();
  try {
    const response = await pool.request({ method, path, headers, signal, body: requestBody(body?.pieces) });
    const { bytes, complete } = await readBoundedBody(response.body, MAX_ANSWER_BYTES);
    return { status: response.statusCode, headers: response.headers, text: bytes.toString(), complete };
  } catch (error) {
    throw gcsConnectionError(request.operation, error, signal);
  }
}

/** Pieces go out one by one; a stream is read once, so each try gets its own. */
function requestBody(pieces: Buffer | readonly Uint8Array[] | undefined): Buffer | Readable | null {
  if (pieces === undefined || Buffer.isBuffer(pieces)) return pieces ?? null;
  return Readable.from(pieces);
}

function textOf({ operation }: GcsRequest, answer: Answer): string {
  const { status, headers, text, complete } = answer;
  if (status < 200 || status >= 300)
    throw gcsStatusError(operation, status, headers, text.slice(0, MAX_ERROR_CHARACTERS));
  if (complete) return text;
  throw new DestinationError(
    'DESTINATION_UNAVAILABLE',
    `${operation.op} ${operation.destination}: the answer has more than ${MAX_ANSWER_BYTES} bytes`,
    { op: operation.op, destination: operation.destination, httpStatus: status },
  );
}

/** As much of an error's body as is looked at. */
const MAX_ERROR_CHARACTERS = 16 * 1024;
