import type { DestinationObject } from '../domain/destination-object.ts';
import { DestinationError } from '../domain/errors.ts';
import { gcsConnectionError, gcsStatusError, gcsUnreadableAnswer, type GcsOperation } from './gcs-failure.ts';
import type { GcsJsonApi } from './gcs-json-api.ts';
import { parseGcsObject } from './gcs-object-fields.ts';
import type { GcsTokenSource } from './gcs-token-source.ts';
import type { ResponseHeaders } from './header-values.ts';
import { readOrDistrust } from './http-exchange.ts';
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

/** As much of an answer as is looked at. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * A session that is gone, or that has not got all of its bytes: a new one may do better.
 * @see https://cloud.google.com/storage/docs/performing-resumable-uploads#handling-errors
 */
const SESSION_OVER: ReadonlySet<number> = new Set([308, 404, 410]);

interface Answer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly text: string;
}

/** One request whose body is sent piece by piece, and what GCS makes of it. */
export class GcsSending {
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

  /** @throws DestinationError for any other status than a 2xx, or those that are `wanted` instead */
  async answer(...wanted: readonly number[]): Promise<Answer> {
    const { operation, tokens } = this.#context;
    const exchange = this.#begun();
    const { status, headers, text } = await this.#takeAnswer(exchange);
    const isRight = wanted.length === 0 ? status >= 200 && status < 300 : wanted.includes(status);
    if (isRight) return { status, headers, text };
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

  /**
   * Reads what GCS says it has stored. Where that is not the object that was sent, it is the answer to another request, and its connection
   * is given up.
   * @throws DestinationError as {@link parseGcsObject}
   */
  stored(text: string, name: string): DestinationObject {
    return readOrDistrust(this.#begun(), () => parseGcsObject(text, name, this.#context.operation));
  }

  close(): void {
    this.#exchange?.close();
  }

  async #takeAnswer(exchange: WireExchange): Promise<Answer> {
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

export function toBeSentAgain(
  { op, destination }: GcsOperation,
  reason: string,
  httpStatus?: number,
): DestinationError {
  return new DestinationError('DESTINATION_UNAVAILABLE', `${op} ${destination}: ${reason}`, {
    op,
    destination,
    httpStatus,
  });
}
