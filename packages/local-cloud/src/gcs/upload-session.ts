import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { GcsError, invalid } from './gcs-error.ts';
import type { IncomingObject } from './incoming-object.ts';
import type { ExpectedDigest } from './object-digest.ts';
import type { Preconditions } from './preconditions.ts';
import type { StoredObject } from './stored-object.ts';

/** Every chunk but the last is a multiple of this, and so is what a broken request leaves behind. */
export const CHUNK_UNIT_BYTES = 256 * 1024;

export interface SessionStart {
  readonly bucket: string;
  readonly incoming: IncomingObject;
  readonly conditions: Preconditions;
  readonly expected: ExpectedDigest;
  /** From `X-Upload-Content-Length`. */
  readonly declaredBytes: number | undefined;
}

/**
 * One resumable upload. Bytes are persisted in units of 256 KiB; what is left over waits in memory until the unit is full or the upload
 * complete, and is dropped when the request that carried it breaks. So the checksums never have to be wound back.
 */
export class UploadSession {
  readonly id = randomUUID().replaceAll('-', '');
  readonly start: SessionStart;
  /** The object, once the upload is complete. */
  finished: StoredObject | undefined;
  #persistedBytes = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #active: { readonly request: IncomingMessage; readonly ended: Promise<void> } | undefined;

  constructor(start: SessionStart) {
    this.start = start;
  }

  get persistedBytes(): number {
    return this.#persistedBytes;
  }

  /** @throws GcsError 400 where this is more than was declared */
  write(bytes: Buffer): void {
    const { declaredBytes } = this.start;
    const total = this.#persistedBytes + this.#waitingBytes + bytes.length;
    if (declaredBytes !== undefined && total > declaredBytes) {
      throw invalid(
        `Invalid request. The upload holds at least ${total} byte(s), but ${declaredBytes} byte(s) were declared.`,
      );
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= CHUNK_UNIT_BYTES)
      this.#persist(this.#waitingBytes - (this.#waitingBytes % CHUNK_UNIT_BYTES));
  }

  /** Persists what waits: the upload is complete. */
  flush(): void {
    this.#persist(this.#waitingBytes);
  }

  /** Forgets what waits: its request did not end well. */
  dropWaiting(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /**
   * Runs the work of one request. A request that is still being received ends first: its client has given it up, or would not ask again.
   */
  async exclusively(request: IncomingMessage, work: () => Promise<void>): Promise<void> {
    while (this.#active !== undefined) {
      this.#active.request.destroy();
      await this.#active.ended;
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#active = { request, ended };
    try {
      await work();
    } finally {
      this.#active = undefined;
      end();
    }
  }

  #persist(count: number): void {
    let remaining = count;
    while (remaining > 0) {
      const piece = this.#waiting.shift();
      if (piece === undefined) throw new RangeError('fewer bytes wait than were counted');
      this.start.incoming.write(piece.subarray(0, remaining));
      if (piece.length > remaining) this.#waiting.unshift(piece.subarray(remaining));
      remaining -= Math.min(remaining, piece.length);
    }
    this.#persistedBytes += count;
    this.#waitingBytes -= count;
  }
}

/** The resumable uploads that are under way or were completed. They end with the process. */
export class UploadSessions {
  readonly #sessions = new Map<string, UploadSession>();

  open(start: SessionStart): UploadSession {
    const session = new UploadSession(start);
    this.#sessions.set(session.id, session);
    return session;
  }

  /** @throws GcsError 404 */
  get(id: string): UploadSession {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new GcsError(404, 'notFound', 'No such upload session.');
    return session;
  }

  /** Keeps a completed upload, so that a client that missed the answer can ask for it again. */
  keep(session: UploadSession): void {
    this.#sessions.set(session.id, session);
  }

  delete(session: UploadSession): void {
    this.#sessions.delete(session.id);
  }

  /** Forgets all uploads, and the bytes of those that were not completed. */
  close(): void {
    for (const session of this.#sessions.values()) if (session.finished === undefined) session.start.incoming.abort();
    this.#sessions.clear();
  }
}
