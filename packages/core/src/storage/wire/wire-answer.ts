import type { BoundedBody, HttpAnswer } from '../http-exchange.ts';
import type { WireExchange, WirePool, WireRequest } from './wire-pool.ts';

/**
 * Sends a request without a body, for an answer whose body may be large: a piece of it is good only until the next one is
 * asked for.
 * @throws WireError, what the socket throws, or the reason of the signal
 */
export async function sendOverWire(pool: WirePool, request: WireRequest): Promise<HttpAnswer> {
  const exchange = await pool.begin(request);
  try {
    const { status, headers } = await exchange.answer();
    return {
      status,
      headers,
      body: piecesOf(exchange, 'full'),
      take: (maxBytes) => takeAnswerBody(exchange, maxBytes),
      discard: () => exchange.close(),
      distrust: () => exchange.distrust(),
    };
  } catch (error) {
    exchange.close();
    throw error;
  }
}

/** An answer's body in memory, at most `maxBytes`; the exchange is over then. @throws what the connection throws */
export async function takeAnswerBody(exchange: WireExchange, maxBytes: number): Promise<BoundedBody> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of piecesOf(exchange, 'any')) {
    pieces.push(Buffer.from(piece));
    bytes += piece.length;
    if (bytes > maxBytes) return { bytes: Buffer.concat(pieces).subarray(0, maxBytes), complete: false };
  }
  return { bytes: Buffer.concat(pieces), complete: true };
}

async function* piecesOf(exchange: WireExchange, want: 'full' | 'any'): AsyncGenerator<Buffer, void, undefined> {
  try {
    for (let piece = await exchange.readBlock(want); piece !== undefined; piece = await exchange.readBlock(want))
      yield piece;
  } finally {
    exchange.close();
  }
}
