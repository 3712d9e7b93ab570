import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { withFlippedByte } from './http-fault-bodies.ts';
import type { HttpFault } from './http-fault.ts';

/** An answer in memory. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case, and their values. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

type AnswerFault = Extract<
  HttpFault,
  {
    kind:
      | 'resetInHead'
      | 'resetInBody'
      | 'stall'
      | 'trickle'
      | 'truncate'
      | 'duplicate'
      | 'corrupt'
      | 'lie'
      | 'stale'
      | 'compressed';
  }
>;

/** Passes an answer on as it comes. @throws what breaks either side */
export async function streamAnswer(upstream: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(upstream.statusCode ?? 502, endToEnd(upstream).flat());
  await pipeline(upstream, response);
}

/** @throws what breaks the connection to the server */
export async function bufferAnswer(upstream: IncomingMessage): Promise<HttpAnswer> {
  return { status: upstream.statusCode ?? 502, headers: endToEnd(upstream), body: await buffer(upstream) };
}

/** Passes an answer on, and breaks it on its way. @throws what breaks either side */
export async function spoilAnswer(
  fault: AnswerFault,
  request: IncomingMessage,
  response: ServerResponse,
  upstream: IncomingMessage,
): Promise<void> {
  const answer = await bufferAnswer(upstream);
  const { body } = answer;
  const half = Math.ceil(body.length / 2);
  switch (fault.kind) {
    case 'resetInHead':
      await write(request.socket, `HTTP/1.1 ${answer.status} OK\r\ndate: ${new Date().toUTCString()}\r\ncontent-le`);
      request.socket.resetAndDestroy();
      return;
    case 'resetInBody':
      await begin(response, answer, body.subarray(0, Math.min(fault.afterBytes ?? half, body.length - 1)));
      request.socket.resetAndDestroy();
      return;
    case 'stall':
      // Whoever gives up first ends it.
      await begin(response, answer, body.subarray(0, half - 1));
      return;
    case 'trickle':
      await trickle(fault, response, answer);
      return;
    case 'truncate':
      if (fault.length === 'plausible') send(response, resized(answer, body.subarray(0, half - 1)));
      else {
        await begin(response, answer, body.subarray(0, half - 1));
        request.socket.end();
      }
      return;
    case 'duplicate': {
      const doubled = Buffer.concat([body.subarray(0, half), body]);
      if (fault.length === 'longer') send(response, resized(answer, doubled));
      else send(response, { ...answer, body: doubled.subarray(0, body.length) });
      return;
    }
    case 'corrupt':
      send(response, body.length === 0 ? answer : { ...answer, body: withFlippedByte(body, half - 1) });
      return;
    case 'lie':
      lie(fault.headers, response, answer);
      return;
    case 'stale':
      send(response, olderVersion(fault, answer, request.headers.range));
      return;
    case 'compressed':
      send(response, compressed(answer));
  }
}

function send(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  // What HEAD says about a body that it does not have stays as it is.
  if (response.req.method === 'HEAD') response.writeHead(status, headers.flat()).end();
  else response.writeHead(status, headers.flat()).end(body);
}

/** Head and a part of the body; resolves when the kernel has taken them. */
async function begin(response: ServerResponse, { status, headers }: HttpAnswer, part: Buffer): Promise<void> {
  response.writeHead(status, headers.flat()).flushHeaders();
  await new Promise<void>((resolve, reject) => {
    response.write(part, (error) => (error ? reject(error) : resolve()));
  });
}

async function trickle(
  { pieces, pieceBytes, delayMs }: Extract<HttpFault, { kind: 'trickle' }>,
  response: ServerResponse,
  answer: HttpAnswer,
): Promise<void> {
  response.writeHead(answer.status, answer.headers.flat()).flushHeaders();
  let sent = 0;
  for (let piece = 0; piece < pieces && sent < answer.body.length && !response.destroyed; piece++) {
    await sleep(delayMs);
    response.write(answer.body.subarray(sent, sent + pieceBytes));
    sent += pieceBytes;
  }
  response.end(answer.body.subarray(sent));
}

/** A length that is not the body's leaves nothing behind it that could be understood: the connection ends. */
function lie(lies: Readonly<Record<string, string | undefined>>, response: ServerResponse, answer: HttpAnswer): void {
  const headers = answer.headers.filter(([name]) => !(name in lies));
  for (const [name, value] of Object.entries(lies)) if (value !== undefined) headers.push([name, value]);
  if ('content-length' in lies) {
    response.shouldKeepAlive = false;
    // Without a length it is the end of the connection that ends the body.
    if (lies['content-length'] === undefined) response.useChunkedEncodingByDefault = false;
  }
  send(response, { ...answer, headers });
}

function olderVersion(
  { etag, body }: Extract<HttpFault, { kind: 'stale' }>,
  answer: HttpAnswer,
  rangeHeader: string | undefined,
): HttpAnswer {
  const range = /^bytes=(\d+)-(\d+)$/.exec(rangeHeader ?? '');
  const aged = withHeaders(answer, { etag: `"${etag}"`, 'x-cache': 'Hit from cloudfront', age: '86400' });
  if (range === null) return resized({ ...aged, status: 200 }, body);
  const [start, end] = [Number(range[1]), Math.min(Number(range[2]), body.length - 1)];
  const part = withHeaders(aged, { 'content-range': `bytes ${start}-${end}/${body.length}` });
  return resized({ ...part, status: 206 }, body.subarray(start, end + 1));
}

function compressed(answer: HttpAnswer): HttpAnswer {
  const etag = answer.headers.find(([name]) => name === 'etag')?.[1];
  const weak: Record<string, string> = etag === undefined ? {} : { etag: `W/${etag}` };
  return resized(withHeaders(answer, { ...weak, 'content-encoding': 'gzip' }), gzipSync(answer.body));
}

function resized(answer: HttpAnswer, body: Buffer): HttpAnswer {
  return { ...withHeaders(answer, { 'content-length': String(body.length) }), body };
}

function withHeaders(answer: HttpAnswer, changes: Readonly<Record<string, string>>): HttpAnswer {
  const kept = answer.headers.filter(([name]) => !(name in changes));
  return { ...answer, headers: [...kept, ...Object.entries(changes)] };
}

/** Framing and fate of the connection are each side's own. */
function endToEnd({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (!['connection', 'keep-alive', 'transfer-encoding'].includes(name))
      headers.push([name, rawHeaders[i + 1] ?? '']);
  }
  return headers;
}

async function write(socket: NodeJS.WritableStream, text: string): Promise<void> {
  if (!socket.write(text)) await once(socket, 'drain');
}
