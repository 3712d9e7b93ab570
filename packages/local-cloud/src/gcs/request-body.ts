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
export async function consume(request: IncomingMessage, take: (bytes: Buffer) => void): Promise<void> {
  if (request.readableEnded) return;
  let failure: { readonly reason: unknown } | undefined;
  const isWhole = await new Promise<boolean>((resolve) => {
    if (request.destroyed) resolve(false);
    request.on('data', (bytes: Buffer) => {
      if (failure !== undefined) return;
      try {
        take(bytes);
      } catch (reason) {
        failure = { reason };
      }
    });
    // Whichever comes first counts: after its end a request is closed as well.
    request.once('end', () => resolve(true));
    request.once('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
  if (failure !== undefined) throw failure.reason;
  if (!isWhole) throw new RequestAborted('the client closed the connection');
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
