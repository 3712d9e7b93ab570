import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** The body with another byte in its middle, where that is known, else in its first piece. */
export function corruptOneByte(request: IncomingMessage): Readable {
  const at = Math.floor(lengthOf(request) / 2);
  return Readable.from(flip(request, at), { objectMode: false });
}

async function* flip(body: AsyncIterable<Buffer>, at: number): AsyncGenerator<Buffer> {
  let passed = 0;
  for await (const piece of body) {
    const index = at - passed;
    passed += piece.length;
    yield index >= 0 && index < piece.length ? withFlippedByte(piece, index) : piece;
  }
}

/** The first half of what the request's head promises. */
export async function* firstHalf(request: IncomingMessage): AsyncGenerator<Buffer> {
  let left = Math.floor(lengthOf(request) / 2);
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    yield piece.subarray(0, left);
    left -= piece.length;
    if (left <= 0) return;
  }
}

/** A copy. */
export function withFlippedByte(bytes: Buffer, index: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[index] = (copy[index] ?? 0) ^ 0x20;
  return copy;
}

function lengthOf(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}
