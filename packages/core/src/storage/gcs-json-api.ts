import type { Pool } from 'undici';
import { DestinationError } from '../domain/errors.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
import { gcsConnectionError, gcsStatusError, type GcsOperation } from './gcs-failure.ts';
import type { GcsTokenSource } from './gcs-token-source.ts';
import type { ResponseHeaders } from './header-values.ts';
import { readOrDistrust, sendRequest } from './http-exchange.ts';

/** May be sent more than once. */
export interface GcsRequestBody {
  readonly contentType: string;
  readonly bytes: Buffer;
}

interface GcsRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly body?: GcsRequestBody | undefined;
  /** Beyond those that every request has. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly operation: GcsOperation;
  readonly signal: AbortSignal;
}

/** A 2xx. */
interface GcsAnswer {
  readonly headers: ResponseHeaders;
  readonly text: string;
}

/** Sends requests to the JSON API with a token, and maps what it refuses. */
export interface GcsJsonApi {
  /** @returns the body's text. @throws DestinationError with the code that fits; the abort reason where aborted */
  send(request: GcsRequest): Promise<string>;
  /**
   * @param read see {@link readOrDistrust}
   * @throws as {@link send}, and what `read` throws
   */
  read<T>(request: GcsRequest, read: (answer: GcsAnswer) => T): Promise<T>;
}

/** A page of 1,000 names of 1,024 bytes, escaped, stays below; errors are far smaller. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** @param tokens `undefined` where none are wanted: an emulator, or a bucket that anybody may write to */
export function createGcsJsonApi(pool: Pool, tokens: GcsTokenSource | undefined): GcsJsonApi {
  const exchangeWithToken = async (request: GcsRequest): Promise<Answer> => {
    if (tokens === undefined) return checked(request, await exchange(pool, request, undefined));
    const { signal } = request;
    signal.throwIfAborted();
    const token = await unlessAborted(tokens.token(), signal);
    const answer = await exchange(pool, request, token);
    if (answer.status !== 401) return checked(request, answer);
    // A token may be revoked before its time: one try with another.
    tokens.discard(token);
    return checked(request, await exchange(pool, request, await unlessAborted(tokens.token(), signal)));
  };
  return {
    send: async (request) => (await exchangeWithToken(request)).text,
    read: async (request, read) => readOrDistrust(await exchangeWithToken(request), read),
  };
}

/** Fields that are `undefined` are left out. */
export function jsonBody(value: unknown): GcsRequestBody {
  return { contentType: 'application/json; charset=UTF-8', bytes: Buffer.from(JSON.stringify(value)) };
}

interface Answer extends GcsAnswer {
  readonly status: number;
  readonly complete: boolean;
  distrust(): void;
}

async function exchange(pool: Pool, request: GcsRequest, token: string | undefined): Promise<Answer> {
  const { method, path, body, signal } = request;
  const headers: Record<string, string> = { ...request.headers, 'accept-encoding': 'identity' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (body !== undefined) {
    headers['content-type'] = body.contentType;
    headers['content-length'] = String(body.bytes.length);
  }
  try {
    const answer = await sendRequest(pool, { method, path, headers, signal, body: body?.bytes });
    const { bytes, complete } = await answer.take(MAX_ANSWER_BYTES);
    const { status, headers: said } = answer;
    return { status, headers: said, text: bytes.toString(), complete, distrust: () => answer.distrust() };
  } catch (error) {
    throw gcsConnectionError(request.operation, error, signal);
  }
}

function checked({ operation }: GcsRequest, answer: Answer): Answer {
  const { status, headers, text, complete } = answer;
  if (status < 200 || status >= 300)
    throw gcsStatusError(operation, status, headers, text.slice(0, MAX_ERROR_CHARACTERS));
  if (complete) return answer;
  throw new DestinationError(
    'DESTINATION_UNAVAILABLE',
    `${operation.op} ${operation.destination}: the answer has more than ${MAX_ANSWER_BYTES} bytes`,
    { op: operation.op, destination: operation.destination, httpStatus: status },
  );
}

/** As much of an error's body as is looked at. */
const MAX_ERROR_CHARACTERS = 16 * 1024;
