import type { DestinationObject } from '../domain/destination-object.ts';
import { DestinationError, ObjectTransferError } from '../domain/errors.ts';
import type { ObjectUpload, UploadRequest } from '../ports/object-destination.ts';
import { gcsUnreadableAnswer } from './gcs-failure.ts';
import { jsonBody } from './gcs-json-api.ts';
import { encodeCrc32c, OBJECT_FIELDS, toGcsInsert } from './gcs-object-fields.ts';
import { GcsSending, toBeSentAgain, type GcsUploadContext } from './gcs-sending.ts';
import { headerText } from './header-values.ts';
import { queryString } from './query-string.ts';

/** Chunks of a resumable upload are multiples of this, but for the last. */
const CHUNK_UNIT_BYTES = 256 * 1024;
/** GCS may be what the upload has failed at: nobody waits for it once more. */
const CANCEL_MS = 5_000;

/**
 * A session to which the bytes go in two requests: all but the last chunk, and that one with the CRC32C of the whole, which GCS
 * checks before the object exists. The last chunk is held: where its request fails, GCS is asked what it has kept, and gets
 * what it lacks of that chunk.
 * @throws DestinationError
 * @see https://cloud.google.com/storage/docs/performing-resumable-uploads#json-api
 */
export async function openResumableUpload(context: GcsUploadContext, request: UploadRequest): Promise<ObjectUpload> {
  const upload = new UploadSession(context, request, await startSession(context, request));
  await upload.begin();
  return upload;
}

class UploadSession implements ObjectUpload {
  readonly #context: GcsUploadContext;
  readonly #name: string;
  readonly #sizeBytes: number;
  readonly #signal: AbortSignal;
  readonly #path: string;
  readonly #tailStart: number;
  readonly #tail: Buffer[] = [];
  readonly #first: GcsSending;
  #writtenBytes = 0;
  #tries = 0;
  #state: 'open' | 'lost' | 'finished' = 'open';

  constructor(context: GcsUploadContext, { name, sizeBytes, signal }: UploadRequest, path: string) {
    this.#context = context;
    this.#name = name;
    this.#sizeBytes = sizeBytes;
    this.#signal = signal;
    this.#path = path;
    this.#tailStart = Math.floor((sizeBytes - 1) / CHUNK_UNIT_BYTES) * CHUNK_UNIT_BYTES;
    this.#first = new GcsSending(context, signal, 'session');
  }

  get mayFinishAgain(): boolean {
    return this.#tries > 0 && this.#state === 'open';
  }

  async begin(): Promise<void> {
    if (this.#tailStart === 0) return;
    try {
      await this.#first.begin('PUT', this.#path, this.#headersOf(0, this.#tailStart));
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const room = Math.max(0, this.#tailStart - this.#writtenBytes);
    this.#writtenBytes += bytes.length;
    if (room > 0) await this.#first.send(bytes.subarray(0, room));
    // It is held until the whole is known; its buffer is the caller's again.
    if (bytes.length > room) this.#tail.push(Buffer.from(bytes.subarray(room)));
  }

  async finish(crc32c: number): Promise<DestinationObject> {
    try {
      const kept = this.#tries++ === 0 ? await this.#endFirst() : await this.#askWhatIsKept();
      return typeof kept === 'number' ? await this.#sendTail(kept, crc32c) : kept;
    } catch (error) {
      // GCS has made up its mind about these bytes.
      if (error instanceof DestinationError && error.httpStatus === 400) this.#state = 'lost';
      throw error;
    }
  }

  async abort(): Promise<void> {
    this.#first.close();
    if (this.#state !== 'finished') await cancelSession(this.#context, this.#path, this.#signal);
  }

  /** @returns how many bytes GCS has kept */
  async #endFirst(): Promise<number> {
    if (this.#tailStart > 0) this.#checkKept(keptBytes(await this.#orLost(this.#first.answer(308))), this.#tailStart);
    return this.#tailStart;
  }

  /** @returns how many bytes GCS has kept, or the object where it has them all */
  async #askWhatIsKept(): Promise<number | DestinationObject> {
    const asking = new GcsSending(this.#context, this.#signal, 'session');
    await asking.begin('PUT', this.#path, { 'content-length': '0', 'content-range': `bytes */${this.#sizeBytes}` });
    const { status, headers, text } = await this.#orLost(asking.answer(200, 201, 308));
    if (status !== 308) return this.#finished(asking, text);
    const kept = keptBytes({ headers });
    this.#checkKept(kept, this.#sizeBytes);
    return kept;
  }

  /** What comes before the last chunk is not here any more, and what was not sent cannot have been kept. */
  #checkKept(bytes: number, sentBytes: number): void {
    if (bytes >= this.#tailStart && bytes <= sentBytes) return;
    this.#state = 'lost';
    throw toBeSentAgain(this.#context.operation, `GCS has kept ${bytes} of ${this.#tailStart} bytes`);
  }

  #finished(sending: GcsSending, text: string): DestinationObject {
    this.#state = 'finished';
    return sending.stored(text, this.#name);
  }

  async #sendTail(start: number, crc32c: number): Promise<DestinationObject> {
    const last = new GcsSending(this.#context, this.#signal, 'session');
    const hash = { 'x-goog-hash': `crc32c=${encodeCrc32c(crc32c)}` };
    await last.begin('PUT', this.#path, { ...this.#headersOf(start, this.#sizeBytes), ...hash });
    try {
      await last.send(Buffer.concat(this.#tail).subarray(start - this.#tailStart));
      return this.#finished(last, (await this.#orLost(last.answer())).text);
    } finally {
      last.close();
    }
  }

  /** A session that is gone does not come back. */
  async #orLost<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      const status = error instanceof DestinationError ? error.httpStatus : undefined;
      if (status === 404 || status === 410) this.#state = 'lost';
      throw error;
    }
  }

  #headersOf(start: number, end: number): Readonly<Record<string, string>> {
    return {
      'content-length': String(end - start),
      'content-range': `bytes ${start}-${end - 1}/${this.#sizeBytes}`,
    };
  }
}

/** @returns path and query of the session */
async function startSession(context: GcsUploadContext, request: UploadRequest): Promise<string> {
  const { ifGenerationMatch, sizeBytes, signal } = request;
  const { operation, origin } = context;
  const query = queryString({ uploadType: 'resumable', ifGenerationMatch, fields: OBJECT_FIELDS });
  const start = {
    method: 'POST',
    path: `${context.uploadPath}?${query}`,
    body: jsonBody(toGcsInsert(request)),
    headers: { 'x-upload-content-length': String(sizeBytes) },
    operation,
    signal,
  } as const;
  return context.api.read(start, ({ headers }) => {
    const location = headerText(headers, 'location') ?? '';
    if (location.startsWith(`${origin}/`)) return location.slice(origin.length);
    throw gcsUnreadableAnswer(operation, new TypeError('the upload session has no address at this host'));
  });
}

/** What is left of a session costs nothing and ends by itself after a week: that it is not cancelled is no failure. */
async function cancelSession(context: GcsUploadContext, path: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const either = AbortSignal.any([signal, AbortSignal.timeout(CANCEL_MS)]);
  try {
    await context.api.send({ method: 'DELETE', path, operation: context.operation, signal: either });
  } catch (error) {
    // 499 is how GCS says that it is cancelled.
    if (!(error instanceof ObjectTransferError) && !either.aborted) throw error;
  }
}

/** `Range: bytes=0-42` of a 308; GCS leaves it out where it has kept nothing. */
function keptBytes({ headers }: Pick<Awaited<ReturnType<GcsSending['answer']>>, 'headers'>): number {
  const [, last] = /^bytes=0-(\d+)$/.exec(headerText(headers, 'range') ?? '') ?? [];
  return last === undefined ? 0 : Number(last) + 1;
}
