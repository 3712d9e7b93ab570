import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Answers with a body of known length. Bytes at hand leave together with the head in one write.
 * @param headers names and values in turn
 */
export async function sendBody(
  response: ServerResponse,
  status: number,
  headers: string[],
  body: Uint8Array | Readable | undefined,
): Promise<void> {
  response.writeHead(status, headers);
  if (body instanceof Readable) await pipeline(body, response);
  else response.end(body);
}
