import type { Readable } from 'node:stream';

/** A response body read into memory up to a limit. */
export interface BoundedBody {
  readonly bytes: Buffer;
  /** True where the body ended within the limit. */
  readonly complete: boolean;
}

/**
 * Reads a body into memory, at most `maxBytes`; a longer one is cut off with its connection.
 * @throws what the connection throws
 */
export async function readBoundedBody(body: Readable, maxBytes: number): Promise<BoundedBody> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the body.
    if (size > maxBytes) return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), complete: false };
  }
  return { bytes: Buffer.concat(chunks), complete: true };
}

/** Gives up a body that nobody is going to read, and its connection. */
export function discardBody(body: Readable): void {
  // A body that is destroyed early reports so as an error: it is what was asked for.
  body.on('error', () => undefined).destroy();
}
