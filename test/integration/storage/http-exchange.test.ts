import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { sendRequest, type HttpAnswer } from '@object-transfer/core/storage/http-exchange';
import { createHttpPool } from '@object-transfer/core/storage/http-pool';
import { afterEach, expect, test } from 'vitest';
import { head, pseudoRandomBytes, startRawServer, type RawPeer, type RawServer } from './raw-server.ts';

const SETTINGS = { connections: 2, connectTimeoutMs: 2_000, headersTimeoutMs: 2_000, bodyTimeoutMs: 300 };
const MIB = 1024 * 1024;
const never = new AbortController().signal;
const content = pseudoRandomBytes(8 * MIB, 5);

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

async function serve(work: (peer: RawPeer) => Promise<void>) {
  const server = await startRawServer(work);
  const pool = createHttpPool(server.url, SETTINGS);
  cleanUp.push(async () => {
    await pool.destroy();
    await server.close();
    expect(server.errors).toEqual([]);
  });
  const send = (signal = never): Promise<HttpAnswer> =>
    sendRequest(pool, { method: 'GET', path: '/x', headers: {}, signal });
  return { server, send };
}

async function sendContent(peer: RawPeer): Promise<void> {
  await peer.request();
  await peer.write(head('HTTP/1.1 200 OK', `content-length: ${content.length}`));
  await peer.write(content).catch(() => undefined);
  await peer.closed;
}

async function closed(server: RawServer): Promise<void> {
  while (server.open > 0) await delay(2);
}

test('a body comes whole to a consumer that is slower than any timeout', async () => {
  const { send } = await serve(sendContent);
  const { body } = await send();
  const pieces: Buffer[] = [];
  for await (const piece of body) {
    if (pieces.length % 40 === 0) await delay(SETTINGS.bodyTimeoutMs / 10);
    if (pieces.length === 20) await delay(SETTINGS.bodyTimeoutMs * 2);
    pieces.push(Buffer.from(piece));
  }
  expect(Buffer.concat(pieces).equals(content)).toBe(true);
});

test('a body is taken whole, also by who comes late', async () => {
  const { send } = await serve(sendContent);
  const answer = await send();
  // As much as is kept unread has come, and the rest waits.
  await delay(50);
  const { bytes, complete } = await answer.take(content.length);
  expect(complete).toBe(true);
  expect(bytes.equals(content)).toBe(true);
});

test('a body that is longer than wanted is cut off with its connection', async () => {
  const { server, send } = await serve(sendContent);
  const { bytes, complete } = await (await send()).take(100_000);
  expect(complete).toBe(false);
  expect(bytes.equals(content.subarray(0, 100_000))).toBe(true);
  await closed(server);
});

test.each<[string, (answer: HttpAnswer) => Promise<void> | void]>([
  ['by discarding it', (answer) => answer.discard()],
  [
    'by leaving its loop',
    async (answer) => {
      for await (const piece of answer.body) if (piece.length > 0) break;
    },
  ],
])('a body is given up %s, and its connection with it', async (_, giveUp) => {
  const { server, send } = await serve(sendContent);
  const answer = await send();
  await giveUp(answer);
  await closed(server);
  await expect(answer.take(1)).rejects.toThrow('the body is not wanted');
});

test.each(['connecting', 'head', 'body', 'taking'] as const)('an abort ends it with its reason: %s', async (phase) => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const { server, send } = await serve(async (peer) => {
    await peer.request();
    if (phase === 'head') controller.abort(reason);
    await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 10')}abc`).catch(() => undefined);
    await peer.closed;
  });
  const whole = async (): Promise<void> => {
    const answer = await send(controller.signal);
    setTimeout(() => controller.abort(reason), 20);
    if (phase === 'taking') await answer.take(10);
    for await (const piece of answer.body) expect(piece.length).toBeGreaterThan(0);
  };
  const running = whole();
  if (phase === 'connecting') controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  await closed(server);
});

test('what ends well leaves nothing on its signal', async () => {
  const { signal } = new AbortController();
  const { send } = await serve(async (peer) => {
    await peer.request();
    await peer.write(`${head('HTTP/1.1 103 Early Hints')}${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`);
    await peer.closed;
  });
  const answer = await send(signal);
  expect(answer.status).toBe(200);
  expect((await answer.take(10)).bytes.toString()).toBe('ok');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
