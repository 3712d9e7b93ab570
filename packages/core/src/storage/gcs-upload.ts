import { DestinationError, ObjectTransferError } from '../domain/errors.ts';
import type { ObjectUpload, UploadRequest } from '../ports/object-destination.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
import { gcsConnectionError, gcsStatusError, gcsUnreadableAnswer, type GcsOperation } from './gcs-failure.ts';
import { jsonBody, type GcsJsonApi } from './gcs-json-api.ts';
import { multipartEnvelope } from './gcs-multipart-body.ts';
import { encodeCrc32c, encodeMd5, OBJECT_FIELDS, parseGcsObject, toGcsProperties } from './gcs-object-fields.ts';
import type { GcsTokenSource } from './gcs-token-source.ts';
import type { ResponseHeaders } from './header-values.ts';
import { headerText } from './header-values.ts';
import { queryString } from './query-string.ts';
import { takeAnswerBody } from './wire/wire-answer.ts';
import type { WireExchange, WirePool, WireRequest } from './wire/wire-pool.ts';

/** What uploads run on. */
export interface GcsUploadContext {
  readonly api: GcsJsonApi;
  readonly tokens: GcsTokenSource | undefined;
  readonly wire: WirePool;
  /** `https://storage.googleapis.com`: sessions must stay there. */
  readonly origin: string;
  /** `/upload/storage/v1/b/<bucket>/o`, below the endpoint's base path. */
  readonly uploadPath: string;
  readonly operation: GcsOperation;
}

/** Chunks of a resumable upload are multiples of this, but for the last. */
const CHUNK_UNIT_BYTES = 256 * 1024;
/** GCS may be what the upload has failed at: nobody waits for it once more. */
const CANCEL_MS = 5_000;
/** As much of an answer as is looked at. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Metadata and bytes in one request. GCS checks the MD5, where it is told; it cannot check a CRC32C that is known only when the
 * last byte is out.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/insert (uploadType=multipart)
 */
export async function openMultipartUpload(context: GcsUploadContext, request: UploadRequest): Promise<ObjectUpload> {
  const { name, properties, storageClass, md5, ifGenerationMatch, sizeBytes } = request;
  const md5Hash = md5 === undefined ? undefined : encodeMd5(md5);
  const envelope = multipartEnvelope({ name, ...toGcsProperties(properties, storageClass), md5Hash });
  const query = queryString({ uploadType: 'multipart', ifGenerationMatch, fields: OBJECT_FIELDS });
  const token = context.tokens === undefined ? undefined : await unlessAborted(context.tokens.token(), request.signal);
  const sending = new Sending(context, request.signal, { token });
  await sending.begin('POST', `${context.uploadPath}?${query}`, {
    'content-type': envelope.contentType,
    'content-length': String(envelope.opening.length + sizeBytes + envelope.closing.length),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  });
  try {
    await sending.send(envelope.opening);
  } catch (error) {
    sending.close();
    throw error;
  }
  return {
    write: (bytes) => sending.send(bytes),
    async finish() {
      await sending.send(envelope.closing);
      return parseGcsObject((await sending.answer()).text, context.operation);
    },
    abort: () => {
      sending.close();
      return Promise.resolve();
    },
  };
}

/**
 * A session to which the bytes go in two requests: all but the last chunk, and that one with the CRC32C of the whole, which GCS
 * checks before the object exists.
 * @see https://cloud.google.com/storage/docs/performing-resumable-uploads#json-api
 */
export async function openResumableUpload(context: GcsUploadContext, request: UploadRequest): Promise<ObjectUpload> {
  const { sizeBytes, signal } = request;
  const sessionPath = await startSession(context, request);
  const tailStart = Math.floor((sizeBytes - 1) / CHUNK_UNIT_BYTES) * CHUNK_UNIT_BYTES;
  const tail: Buffer[] = [];
  let writtenBytes = 0;
  const first = new Sending(context, signal, 'session');
  const last = new Sending(context, signal, 'session');
  let isFinished = false;
  const range = (start: number, end: number) => `bytes ${start}-${end - 1}/${sizeBytes}`;
  const giveUp = async () => {
    first.close();
    last.close();
    if (!isFinished) await cancelSession(context, sessionPath, signal);
  };
  if (tailStart > 0) {
    try {
      await first.begin('PUT', sessionPath, {
        'content-length': String(tailStart),
        'content-range': range(0, tailStart),
      });
    } catch (error) {
      await giveUp();
      throw error;
    }
  }
  return {
    async write(bytes) {
      const room = Math.max(0, tailStart - writtenBytes);
      writtenBytes += bytes.length;
      if (room > 0) await first.send(bytes.subarray(0, room));
      // It is held until the whole is known; its buffer is the caller's again.
      if (bytes.length > room) tail.push(Buffer.from(bytes.subarray(room)));
    },
    async finish(crc32c) {
      if (tailStart > 0) checkPersisted(await first.answer(308), tailStart, context.operation);
      await last.begin('PUT', sessionPath, {
        'content-length': String(sizeBytes - tailStart),
        'content-range': range(tailStart, sizeBytes),
        'x-goog-hash': `crc32c=${encodeCrc32c(crc32c)}`,
      });
      await last.send(...tail);
      const { text } = await last.answer();
      isFinished = true;
      return parseGcsObject(text, context.operation);
    },
    abort: giveUp,
  };
}

/** @returns path and query of the session */
async function startSession(context: GcsUploadContext, request: UploadRequest): Promise<string> {
  const { name, properties, storageClass, md5, ifGenerationMatch, sizeBytes, signal } = request;
  const { operation, origin } = context;
  const md5Hash = md5 === undefined ? undefined : encodeMd5(md5);
  const query = queryString({ uploadType: 'resumable', ifGenerationMatch, fields: OBJECT_FIELDS });
  const { headers } = await context.api.exchange({
    method: 'POST',
    path: `${context.uploadPath}?${query}`,
    body: jsonBody({ name, ...toGcsProperties(properties, storageClass), md5Hash }),
    headers: { 'x-upload-content-length': String(sizeBytes) },
    operation,
    signal,
  });
  const location = headerText(headers, 'location') ?? '';
  if (location.startsWith(`${origin}/`)) return location.slice(origin.length);
  throw gcsUnreadableAnswer(operation, new TypeError('the upload session has no address at this host'));
}

/** What is left of a session costs nothing and ends by itself after a week: that it is not cancelled is no failure. */
async function cancelSession(context: GcsUploadContext, path: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const either = AbortSignal.any([signal, AbortSignal.timeout(CANCEL_MS)]);
  try {
    await context.api.exchange({ method: 'DELETE', path, operation: context.operation, signal: either });
  } catch (error) {
    // 499 is how GCS says that it is cancelled.
    if (!(error instanceof ObjectTransferError) && !either.aborted) throw error;
  }
}

/** GCS may have kept less than it was sent. */
function checkPersisted({ headers }: Answer, bytes: number, operation: GcsOperation): void {
  if (headerText(headers, 'range') === `bytes=0-${bytes - 1}`) return;
  const kept = headerText(headers, 'range') ?? 'nothing';
  throw toBeSentAgain(operation, `GCS has kept ${kept} of ${bytes} bytes`);
}

function toBeSentAgain({ op, destination }: GcsOperation, reason: string, httpStatus?: number): DestinationError {
  return new DestinationError('DESTINATION_UNAVAILABLE', `${op} ${destination}: ${reason}`, {
    op,
    destination,
    httpStatus,
  });
}

/**
 * A session that is gone, or that has not got all of its bytes: a new one may do better.
 * @see https://cloud.google.com/storage/docs/performing-resumable-uploads#handling-errors
 */
const SESSION_OVER: ReadonlySet<number> = new Set([308, 404, 410]);

interface Answer {
  readonly headers: ResponseHeaders;
  readonly text: string;
}

/** One request whose body is sent piece by piece, and what GCS makes of it. */
class Sending {
  readonly #context: GcsUploadContext;
  readonly #signal: AbortSignal;
  readonly #token: string | undefined;
  readonly #isInSession: boolean;
  #exchange: WireExchange | undefined;

  /** @param proof the token that it bears; the address of a session is proof enough */
  constructor(
    context: GcsUploadContext,
    signal: AbortSignal,
    proof: 'session' | { readonly token: string | undefined },
  ) {
    this.#context = context;
    this.#signal = signal;
    this.#isInSession = proof === 'session';
    this.#token = proof === 'session' ? undefined : proof.token;
  }

  async begin(method: WireRequest['method'], path: string, headers: WireRequest['headers']): Promise<void> {
    try {
      this.#exchange = await this.#context.wire.begin({ method, path, headers, signal: this.#signal });
    } catch (error) {
      throw gcsConnectionError(this.#context.operation, error, this.#signal);
    }
  }

  /** @throws DestinationError: also for an answer that came before all was sent, which says why no more is wanted */
  async send(...pieces: readonly Uint8Array[]): Promise<void> {
    const exchange = this.#begun();
    if (!exchange.isAnswered) {
      try {
        await exchange.send(...pieces);
        return;
      } catch (error) {
        // What broke the connection may have been said before.
        if (!exchange.isAnswered) throw this.#broken(error);
      }
    }
    await this.answer();
    throw gcsUnreadableAnswer(this.#context.operation, new TypeError('the answer came before the end of the upload'));
  }

  /** @throws DestinationError for any other status than a 2xx, or `wanted` */
  async answer(wanted?: number): Promise<Answer> {
    const { operation, tokens } = this.#context;
    const exchange = this.#begun();
    const { status, headers, text } = await this.#takeAnswer(exchange);
    const isRight = wanted === undefined ? status >= 200 && status < 300 : status === wanted;
    if (isRight) return { headers, text };
    if (status >= 200 && status < 300) throw gcsUnreadableAnswer(operation, new TypeError(`HTTP ${status} too early`));
    if (status === 401 && this.#token !== undefined && tokens !== undefined) {
      // Revoked before its time. The bytes are gone: they are to be sent once more, with another token.
      tokens.discard(this.#token);
      throw toBeSentAgain(operation, 'the access token was refused', status);
    }
    if (this.#isInSession && SESSION_OVER.has(status)) {
      throw toBeSentAgain(operation, `the upload session ended with HTTP ${status}`, status);
    }
    throw gcsStatusError(operation, status, headers, text);
  }

  close(): void {
    this.#exchange?.close();
  }

  async #takeAnswer(exchange: WireExchange): Promise<Answer & { readonly status: number }> {
    try {
      const { status, headers } = await exchange.answer();
      const { bytes } = await takeAnswerBody(exchange, MAX_ANSWER_BYTES);
      return { status, headers, text: bytes.toString() };
    } catch (error) {
      throw this.#broken(error);
    } finally {
      exchange.close();
    }
  }

  #broken(error: unknown): unknown {
    return gcsConnectionError(this.#context.operation, error, this.#signal);
  }

  #begun(): WireExchange {
    if (this.#exchange === undefined) throw new TypeError('nothing has been begun');
    return this.#exchange;
  }
}
