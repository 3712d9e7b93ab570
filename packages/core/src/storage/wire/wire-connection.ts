import { connect as connectPlainly, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectSecurely, type ConnectionOptions } from 'node:tls';
import type { HttpPoolSettings } from '../http-pool.ts';
import { blocksFor } from './block-pool.ts';
import { createBodyDecoder, type BodyDecoder } from './body-decoder.ts';
import { ReceiveWindow } from './receive-window.ts';
import { parseResponseHead, type ResponseHead } from './response-head.ts';
import { WireError } from './wire-error.ts';

/**
 * One HTTP/1.1 connection, for bodies that are many times larger than what is said about them.
 *
 * undici hands each piece of a body over in a buffer of its own, after having copied it through its parser: 1.6 s of CPU
 * for a GiB in and out again. Here the kernel writes into two blocks by turns, and the same blocks are written to the
 * other side: 0.7 s.
 *
 *   idle      Between exchanges. Anything that arrives is a breach of the protocol.
 *   head      A request is being sent; the answer may come before all of it is out.
 *   body      The head is there; blocks are filled. The socket is not read while both are full.
 *   complete  The last byte of the body has arrived; the consumer may still have blocks to take.
 *   failed    Nothing more will come; `#failure` says why.
 */
type Phase = 'idle' | 'head' | 'body' | 'complete' | 'failed';

const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD_BYTES = 64 * 1024;
/** How long a connection is kept for the next request: shorter than any server would. */
const KEEP_ALIVE_MS = 4_000;

/** Where bytes go that have no block: what is in there is used up before anything else is read. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

export interface WireOrigin {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

export class WireConnection {
  readonly #socket: Socket;
  readonly #settings: HttpPoolSettings;
  #phase: Phase = 'idle';
  #failure: unknown;
  #window = new ReceiveWindow(blocksFor({ kind: 'length', bytes: 0 }));
  #headBytes = Buffer.alloc(0);
  #head: ResponseHead | undefined;
  #decoder: BodyDecoder | undefined;
  #isUsable = false;
  #isPaused = false;
  #isEager = false;
  /** The other side has said that it will send no more, while some of what it had sent was still waiting. */
  #isAtEnd = false;
  /** Of the request's body, not taken by the socket yet. */
  #unsentBytes = 0;
  #isRequestEnded = false;
  #wake: (() => void) | undefined;

  /** @param onUsable called when the connection is ready, or has failed to become so */
  constructor(
    origin: WireOrigin,
    settings: HttpPoolSettings,
    session: Buffer | undefined,
    onUsable: (error?: unknown) => void,
    onSession: (session: Buffer) => void,
  ) {
    this.#settings = settings;
    const onread: OnReadOpts = {
      buffer: () => this.#nextBuffer(),
      callback: (bytes, buffer) => this.#receive(bytes, buffer as Buffer),
    };
    const { host, port } = origin;
    const onConnected = () => {
      this.#isUsable = true;
      onUsable();
    };
    if (origin.secure) {
      const servername = isIP(host) === 0 ? host : '';
      // Documented for this function, too, though its types do not say so.
      const options: ConnectionOptions & { readonly onread: OnReadOpts } = {
        host,
        port,
        servername,
        session,
        ALPNProtocols: ['http/1.1'],
        onread,
      };
      this.#socket = connectSecurely(options).on('secureConnect', onConnected).on('session', onSession);
    } else {
      this.#socket = connectPlainly({ host, port, onread }).on('connect', onConnected);
    }
    this.#socket
      .setNoDelay(true)
      .setTimeout(settings.connectTimeoutMs)
      .on('timeout', () => this.destroy(this.#timeoutError()))
      .on('end', () => this.#onEnd())
      .on('error', (error) => this.destroy(error))
      .on('close', () => {
        if (!this.#isAtEnd) this.destroy(new WireError('WIRE_CLOSED', 'the other side closed the connection'));
        onUsable(this.#failure);
      })
      .resume();
  }

  get isIdle(): boolean {
    return this.#phase === 'idle' && !this.#socket.destroyed;
  }

  /** True once the answer has begun, or can be waited for no longer: what is left of the request need not be sent. */
  get isAnswered(): boolean {
    return this.#phase !== 'head';
  }

  /**
   * Begins an exchange.
   * @param bodyBytes of the request
   * @throws what has broken the connection since it was found usable
   */
  begin(bodyBytes: number): void {
    if (this.#phase === 'failed') throw this.#failure;
    if (this.#phase !== 'idle') throw new TypeError(`an exchange cannot begin on a connection that is ${this.#phase}`);
    this.#phase = 'head';
    this.#unsentBytes = bodyBytes;
    this.#isRequestEnded = false;
    this.#head = undefined;
    this.#headBytes = Buffer.alloc(0);
    this.#socket.ref();
  }

  /** Sends the head of the request. @throws what broke the connection */
  sendHead(head: Buffer): Promise<void> {
    return this.#write([head]);
  }

  /**
   * Sends a part of the request's body. @returns once the bytes have been taken, so that their buffer may be used again
   * @throws what broke the connection: also that the answer came whole before all was sent
   */
  async send(...pieces: readonly Uint8Array[]): Promise<void> {
    await this.#write(pieces);
    for (const { length } of pieces) this.#unsentBytes -= length;
  }

  #write(pieces: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#phase === 'failed') {
        reject(this.#failure);
        return;
      }
      // Only what is under way can take too long: between its parts the sender may have reasons to wait.
      if (this.#phase === 'head') this.#socket.setTimeout(this.#settings.bodyTimeoutMs);
      this.#socket.cork();
      const last = pieces.length - 1;
      for (const [index, piece] of pieces.entries()) {
        if (index < last) this.#socket.write(piece);
        else this.#socket.write(piece, (error) => this.#onSent(error ?? undefined, resolve, reject));
      }
      this.#socket.uncork();
    });
  }

  #onSent(error: Error | undefined, resolve: () => void, reject: (reason: unknown) => void): void {
    if (error !== undefined) {
      reject(this.#failure ?? error);
      return;
    }
    if (this.#phase === 'head') this.#socket.setTimeout(0);
    resolve();
  }

  /** The request is out: from now on the answer is waited for. */
  endRequest(): void {
    this.#isRequestEnded = true;
    if (this.#phase === 'head') this.#socket.setTimeout(this.#settings.headersTimeoutMs);
  }

  /** @throws what broke the connection */
  async readHead(): Promise<ResponseHead> {
    while (this.#head === undefined) {
      if (this.#phase === 'failed') throw this.#failure;
      await this.#progress();
    }
    return this.#head;
  }

  /**
   * The next piece of the body; it is good until the next one is asked for.
   * @param want `full`: a whole block, but for the last; `any`: whatever is there
   * @returns `undefined` at the end. @throws what broke the connection before the end
   */
  async readBlock(want: 'full' | 'any'): Promise<Buffer | undefined> {
    this.#isEager = want === 'any';
    for (;;) {
      const filled = this.#window.take(this.#isEager);
      this.#resume();
      if (filled !== undefined) return filled.block.subarray(filled.start, filled.end);
      if (this.#phase === 'failed') throw this.#failure;
      if (this.#phase === 'complete') return undefined;
      await this.#progress();
    }
  }

  /**
   * Ends an exchange whose body was read to its end; any other breaks the connection off.
   * @returns whether another one may begin
   */
  end(): boolean {
    const isComplete = this.#phase === 'complete';
    const mayStay = isComplete && this.#head?.keepAlive === true && !this.#socket.destroyed;
    if (!mayStay) this.destroy(new WireError('WIRE_CLOSED', 'the rest of the answer is not wanted'));
    this.#window.release(isComplete);
    if (!mayStay) return false;
    this.#phase = 'idle';
    // A process that has nothing else to do must not wait for it.
    this.#socket.setTimeout(KEEP_ALIVE_MS).unref();
    return true;
  }

  /** Breaks the connection off; who waits for something gets the reason, unless it had failed before. */
  destroy(reason: unknown): void {
    if (this.#phase !== 'failed' && this.#phase !== 'complete') {
      this.#phase = 'failed';
      this.#failure = reason;
    }
    this.#socket.destroy();
    this.#wake?.();
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #nextBuffer(): Buffer {
    return (this.#phase === 'body' ? this.#window.room : undefined) ?? scratch;
  }

  /** @returns false where nothing more can be taken now */
  #receive(count: number, buffer: Buffer): boolean {
    try {
      this.#accept(buffer.subarray(0, count));
    } catch (error) {
      this.destroy(error);
    }
    if (this.#phase !== 'body' || this.#window.room !== undefined) return true;
    if (this.#unsentBytes > 0) {
      // Who still sends does not read: each would wait for the other. What is there of the answer is enough.
      this.destroy(new WireError('WIRE_PROTOCOL', 'a long answer came before the end of the request'));
      return true;
    }
    this.#isPaused = true;
    // Waiting for the consumer is not the other side's fault.
    this.#socket.setTimeout(0);
    return false;
  }

  #accept(bytes: Buffer): void {
    switch (this.#phase) {
      case 'head':
        this.#acceptHead(bytes);
        break;
      case 'body':
        this.#acceptBody(bytes);
        break;
      case 'idle':
      case 'complete':
        throw new WireError('WIRE_PROTOCOL', 'the other side goes on where nothing was asked for');
      case 'failed':
        break;
    }
  }

  #acceptHead(bytes: Buffer): void {
    this.#headBytes = Buffer.concat([this.#headBytes, bytes]);
    const end = this.#headBytes.indexOf(HEAD_END);
    if (end === -1) {
      if (this.#headBytes.length > MAX_HEAD_BYTES)
        throw new WireError('WIRE_PROTOCOL', 'the answer has no end of its head');
      return;
    }
    const head = parseResponseHead(this.#headBytes.toString('latin1', 0, end));
    const rest = this.#headBytes.subarray(end + HEAD_END.length);
    this.#headBytes = Buffer.alloc(0);
    if (head.status < 200) {
      // An interim answer: the real one is still to come.
      if (rest.length > 0) this.#acceptHead(rest);
      return;
    }
    this.#head = head;
    this.#phase = 'body';
    this.#decoder = createBodyDecoder(head.framing);
    this.#window = new ReceiveWindow(blocksFor(head.framing));
    this.#socket.setTimeout(this.#settings.bodyTimeoutMs);
    this.#acceptBody(rest);
    this.#wake?.();
  }

  #acceptBody(bytes: Buffer): void {
    this.#window.add(bytes, this.#decode);
    this.#afterBody();
  }

  readonly #decode = (block: Buffer, start: number, end: number): number =>
    this.#decoder?.decode(block, start, end) ?? start;

  #afterBody(): void {
    if (this.#decoder?.ended === true && !this.#window.hasOverflow) this.#complete();
    else if (this.#isEager || this.#window.hasFullBlock) this.#wake?.();
  }

  #complete(): void {
    this.#window.flush();
    this.#phase = 'complete';
    this.#socket.setTimeout(0);
    // Nobody needs the rest of the request any more, and who still sends it must not wait for it to be taken. It would
    // also be missing from the next one: the connection is over.
    if (this.#unsentBytes > 0) this.#socket.destroy();
    this.#wake?.();
  }

  /** Goes on reading where a block has become free. */
  #resume(): void {
    if (this.#phase !== 'body' || !this.#isPaused) return;
    try {
      this.#window.drainOverflow(this.#decode);
      this.#afterBody();
    } catch (error) {
      this.destroy(error);
    }
    // The end of the body may have been among what waited; the socket goes on for the next answer then.
    if (this.#phase === 'body' && this.#window.room === undefined) return;
    this.#isPaused = false;
    if (this.#phase === 'body') this.#socket.setTimeout(this.#settings.bodyTimeoutMs);
    this.#socket.resume();
    if (this.#isAtEnd) this.#onEnd();
  }

  #onEnd(): void {
    if (this.#phase === 'body' && this.#window.hasOverflow) {
      this.#isAtEnd = true;
      return;
    }
    if (this.#phase === 'body' && this.#decoder?.close() === true) this.#complete();
    this.destroy(new WireError('WIRE_CLOSED', 'the other side closed the connection'));
  }

  #timeoutError(): WireError {
    const { connectTimeoutMs, bodyTimeoutMs, headersTimeoutMs } = this.#settings;
    if (!this.#isUsable) return new WireError('WIRE_CONNECT_TIMEOUT', `no connection within ${connectTimeoutMs} ms`);
    if (this.#phase === 'idle') return new WireError('WIRE_CLOSED', 'the connection was not used any more');
    if (this.#phase !== 'head')
      return new WireError('WIRE_BODY_TIMEOUT', `nothing of the body for ${bodyTimeoutMs} ms`);
    return this.#isRequestEnded
      ? new WireError('WIRE_HEADERS_TIMEOUT', `no answer within ${headersTimeoutMs} ms`)
      : new WireError('WIRE_BODY_TIMEOUT', `nothing of the request was taken for ${bodyTimeoutMs} ms`);
  }
}
