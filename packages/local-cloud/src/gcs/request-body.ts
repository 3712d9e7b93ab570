import type { IncomingMessage } from 'node:http';
import { GcsError } from './gcs-error.ts';

/** The client went away before its request was whole. There is nobody to answer. */
export class RequestAborted extends Error {
  override readonly name = 'RequestAborted';
}

/**
 * Reads a request body to its end, also when `take` throws: a client that is still sending does not read the answer.
 * @throws RequestAborted, or what `take` threw first
 */
export function consume(request: IncomingMessage, take: (bytes: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (request.readableEnded) return resolve();
    const abort = (): void => reject(new RequestAborted('the client closed the connection'));
    if (request.destroyed) return abort();
    let failure: unknown;
    let failed = false;
    request.on('data', (bytes: Buffer) => {
      if (failed) return;
      try {
        take(bytes);
      } catch (error) {
        failure = error;
        failed = true;
      }
    });
    // eslint-disable-next-line typescript/prefer-promise-reject-errors
    request.once('end', () => (failed ? reject(failure) : resolve()));
    request.once('error', abort);
    request.once('close', abort);
    return undefined;
  });
}

/** Reads what is left of the body and forgets it. */
export function drain(request: IncomingMessage): Promise<void> {
  return consume(request, () => undefined);
}

/**
 * A JSON body; an empty one is `{}`, and so is the `null` that Go's client sends for none.
 * @throws GcsError 400
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  await consume(request, (bytes) => pieces.push(bytes));
  const text = Buffer.concat(pieces).toString('utf8');
  return text.trim() === '' ? {} : (parseJson(text) ?? {});
}

/** @throws GcsError 400 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new GcsError(400, 'parseError', 'Parse Error: the body is not JSON');
  }
}
