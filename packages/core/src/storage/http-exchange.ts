import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { onAbort } from '../runtime/on-abort.ts';
import type { ResponseHeaders } from './header-values.ts';
import type { ConnectionUser, HttpConnection } from './http-connection.ts';

/** One request, as undici sends it. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, percent-encoded; sent as it is. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable | null | undefined;
  readonly signal: AbortSignal;
}

/** A body read into memory up to a limit. */
export interface BoundedBody {
  readonly bytes: Buffer;
  /** True where the body ended within the limit. */
  readonly complete: boolean;
}

/** An answer, as soon as its headers are there. The body must be read, or discarded. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The body piece by piece. Leaving the loop early gives up the connection. @throws what the connection throws */
  readonly body: AsyncIterable<Uint8Array>;
  /** The body in memory, at most `maxBytes`; a longer one is cut off with its connection. @throws as {@link body} */
  take(maxBytes: number): Promise<BoundedBody>;
  /** Gives the body up, and its connection where it is not at its end yet. */
  discard(): void;
  /**
   * Gives the connection up, also after the end: what came on it is not the answer to this request, so that the next one would get
   * another's, too.
   */
  distrust(): void;
}

/**
 * @param answer read to its end
 * @param read makes something of it. Where it throws, the answer is to another request, or to none: the next one on its connection would be,
 *   too, and the connection is given up
 * @throws what `read` throws
 */
export function readOrDistrust<A extends Pick<HttpAnswer, 'distrust'>, T>(answer: A, read: (answer: A) => T): T {
  try {
    return read(answer);
  } catch (error) {
    answer.distrust();
    throw error;
  }
}

/** Unread bytes beyond which the other side has to wait. Small objects come whole in one piece of at most 64 KiB. */
const MAX_UNREAD_BYTES = 256 * 1024;

/**
 * Sends a request past undici's streams, by what it calls a dispatch: a readable stream for each body costs as much CPU as all
 * the rest of moving a small object.
 * @throws what undici throws; the reason of the signal when it aborts
 */
export function sendRequest(dispatcher: Dispatcher, request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (request.signal.aborted) {
      reject(request.signal.reason as Error);
      return;
    }
    const { method, path, headers, body = null } = request;
    dispatcher.dispatch({ method, path, headers, body }, new Exchange(resolve, reject, request.signal));
  });
}

/** What undici tells of one exchange, and what the caller has taken of it. */
class Exchange implements ConnectionUser, HttpAnswer, AsyncIterator<Uint8Array, undefined> {
  status = 0;
  headers: ResponseHeaders = {};
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #stopListening: () => void;
  #connection: HttpConnection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #giveUpReason: Error | undefined;
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #end: 'none' | 'complete' | 'failed' = 'none';
  #error: unknown;
  /** Wakes up who waits for a piece or for the end. */
  #wake: (() => void) | undefined;
  #limitBytes = MAX_UNREAD_BYTES;
  #collects = false;

  constructor(resolve: (answer: HttpAnswer) => void, reject: (error: unknown) => void, signal: AbortSignal) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#stopListening = onAbort(signal, () => this.#giveUp(signal.reason as Error));
  }

  get body(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => this };
  }

  async take(maxBytes: number): Promise<BoundedBody> {
    this.#collects = true;
    this.#limitBytes = maxBytes;
    if (this.#unreadBytes <= maxBytes) this.#controller?.resume();
    while (this.#end === 'none' && this.#unreadBytes <= maxBytes) await this.#progress();
    if (this.#end === 'failed') throw this.#error;
    const complete = this.#unreadBytes <= maxBytes;
    if (!complete) this.discard();
    const [only] = this.#unread;
    const whole = this.#unread.length === 1 && only !== undefined ? asBuffer(only) : Buffer.concat(this.#unread);
    return { bytes: complete ? whole : whole.subarray(0, maxBytes), complete };
  }

  discard(): void {
    this.#giveUp(new Error('the body is not wanted'));
  }

  distrust(): void {
    this.#connection?.giveUp();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const piece = this.#unread.shift();
      if (piece !== undefined) {
        this.#unreadBytes -= piece.length;
        if (this.#unreadBytes === 0) this.#controller?.resume();
        return { done: false, value: piece };
      }
      if (this.#end === 'failed') throw this.#error;
      if (this.#end === 'complete') return { done: true, value: undefined };
      await this.#progress();
    }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.discard();
    return Promise.resolve({ done: true, value: undefined });
  }

  onConnection(connection: HttpConnection): void {
    this.#connection = connection;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#giveUpReason !== undefined) controller.abort(this.#giveUpReason);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    // An interim answer: the real one is still to come.
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    this.#resolve(this);
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    this.#unread.push(piece);
    this.#unreadBytes += piece.length;
    if (this.#unreadBytes > this.#limitBytes) controller.pause();
    if (!this.#collects || this.#unreadBytes > this.#limitBytes) this.#wake?.();
  }

  onResponseEnd(): void {
    this.#finish('complete', undefined);
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#finish('failed', error);
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #giveUp(reason: Error): void {
    if (this.#end !== 'none') return;
    this.#giveUpReason = reason;
    // Before the request has a connection there is nothing to break off yet.
    this.#controller?.abort(reason);
    this.#finish('failed', reason);
  }

  #finish(end: 'complete' | 'failed', error: unknown): void {
    if (this.#end !== 'none') return;
    this.#end = end;
    this.#error = error;
    this.#stopListening();
    if (end === 'failed') this.#reject(error);
    this.#wake?.();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
