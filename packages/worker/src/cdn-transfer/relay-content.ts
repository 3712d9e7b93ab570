import { crc32c } from '@node-rs/crc32';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { SourceError } from '@object-transfer/core/domain/errors';
import type { ObjectUpload } from '@object-transfer/core/ports/object-destination';
import type { ObjectContent } from '@object-transfer/core/ports/object-source';
import { retry, type TriedOut } from '@object-transfer/core/runtime/retry';
import { streamBytes } from './stream-bytes.ts';
import type { TransferContext } from './transfer-context.ts';
import { underReadLimit, underWriteLimit, type SlowDown } from './under-limit.ts';
import { openContent, sizeMismatch, wantedBytesOf, type ContentRequest } from './verify-content.ts';

/** What is to be relayed, and where to. */
export interface RelayRequest extends Omit<ContentRequest, 'streamed'> {
  /** As in the plan. */
  readonly triedOut: TriedOut;
  /** Opens the upload for what the answer says about the object. */
  readonly openUpload: (content: ObjectContent) => Promise<ObjectUpload>;
  /** Asked when all bytes have come, before anything is under the name. True: they are there already, and the upload is given up. */
  readonly isThere?: ((crc32c: number) => boolean) | undefined;
}

export interface RelayedContent {
  readonly content: ObjectContent;
  /** `undefined` where the bytes were there already. */
  readonly written: DestinationObject | undefined;
  readonly sizeBytes: number;
  /** Of the bytes received. */
  readonly crc32c: number;
}

/**
 * Reads an object, or one range of it, and writes it while it comes, each side waiting for the other. The CRC32C is computed
 * over the bytes as they arrive. A read that breaks off goes on where it was; a session whose last request fails is finished
 * again: neither moves bytes a second time.
 * @throws SourceError as `openContent`, DestinationError; nothing unverified is left under a final name
 */
export async function relayContent(
  context: TransferContext,
  request: RelayRequest,
  signal: AbortSignal,
): Promise<RelayedContent> {
  const wantedBytes = wantedBytesOf(request.expected, request.range);
  const releaseBytes = await context.budget.acquire(streamBytes(context, wantedBytes), signal);
  try {
    await context.rates.writes.take(1, signal);
    return await underReadLimit(context, wantedBytes, signal, (slowDownReads) =>
      underWriteLimit(context, wantedBytes, signal, (slowDownWrites) =>
        new Relay({ context, request, wantedBytes, slowDownReads, slowDownWrites, signal }).run(),
      ),
    );
  } finally {
    releaseBytes();
  }
}

/** What a stream needs. */
interface RelayOptions {
  readonly context: TransferContext;
  readonly request: RelayRequest;
  readonly wantedBytes: number;
  readonly slowDownReads: SlowDown;
  readonly slowDownWrites: SlowDown;
  readonly signal: AbortSignal;
}

/** One stream, from its first byte to its last. */
class Relay {
  readonly #options: RelayOptions;
  #sizeBytes = 0;
  #crc32c = 0;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  async run(): Promise<RelayedContent> {
    const { context, request, signal } = this.#options;
    const { openUpload, isThere } = request;
    const content = await openContent(context, { ...request, streamed: true }, signal);
    let upload: ObjectUpload | undefined;
    try {
      upload = await openUpload(content);
      await this.#relayAll(content, upload);
      const relayed = { content, sizeBytes: this.#sizeBytes, crc32c: this.#crc32c };
      if (isThere?.(this.#crc32c) !== true) return { ...relayed, written: await this.#finish(upload) };
      await upload.abort();
      return { ...relayed, written: undefined };
    } catch (error) {
      content.cancel();
      await upload?.abort();
      throw error;
    }
  }

  async #relayAll(first: ObjectContent, upload: ObjectUpload): Promise<void> {
    const { context, request, wantedBytes, slowDownReads, signal } = this.#options;
    const { triedOut } = request;
    // Where all bytes have come, nothing is left to ask for: it is the end that was missed.
    const unless = (error: unknown) => !hasBrokenOff(error) || this.#sizeBytes >= wantedBytes;
    await retry(context.retryPolicy, { signal, unless, triedOut, onRetry: slowDownReads }, async (attempt) =>
      this.#relayBody(attempt === 1 ? first : await this.#reopen(), upload),
    );
    if (this.#sizeBytes !== wantedBytes) throw this.#mismatch();
  }

  async #relayBody(content: ObjectContent, upload: ObjectUpload): Promise<void> {
    const { context, wantedBytes, signal } = this.#options;
    for await (const piece of content.body) {
      if (this.#sizeBytes + piece.length > wantedBytes) {
        this.#sizeBytes += piece.length;
        throw this.#mismatch();
      }
      // While the bytes are in the processor's cache.
      const crc = crc32c(piece, this.#crc32c);
      await context.rates.bytes.take(piece.length, signal);
      await upload.write(piece);
      // Not before it is on its way: what counts is not read again.
      this.#crc32c = crc;
      this.#sizeBytes += piece.length;
    }
  }

  /** The rest of the object, under If-Match. */
  #reopen(): Promise<ObjectContent> {
    const { context, request, signal } = this.#options;
    const { expected, route, range } = request;
    const start = (range?.start ?? 0) + this.#sizeBytes;
    const end = range?.end ?? expected.sizeBytes - 1;
    return openContent(context, { expected, route, range: { start, end }, streamed: true }, signal);
  }

  #finish(upload: ObjectUpload): Promise<DestinationObject> {
    const { context, request, slowDownWrites, signal } = this.#options;
    const { triedOut } = request;
    const hooks = { signal, unless: () => !upload.mayFinishAgain, triedOut, onRetry: slowDownWrites };
    return retry(context.retryPolicy, hooks, () => upload.finish(this.#crc32c));
  }

  #mismatch(): SourceError {
    return sizeMismatch(this.#options.request.expected.key, this.#options.wantedBytes, this.#sizeBytes);
  }
}

/** The connection has; the object itself is as it was. */
function hasBrokenOff(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'SOURCE_CONNECTION';
}
