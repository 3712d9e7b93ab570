import { setTimeout as delay } from 'node:timers/promises';
import { sendOverWire } from '@object-transfer/core/storage/wire/wire-answer';
import { WirePool } from '@object-transfer/core/storage/wire/wire-pool';
import { describe, expect, test } from 'vitest';
import { head } from './raw-server.ts';
import {
  SETTINGS,
  always,
  broken,
  cleanUp,
  fetchBody,
  get,
  never,
  poolFor,
  post,
  readAll,
  serve,
  until,
  ways,
} from './wire-rig.ts';

describe('a connection that is kept', () => {
  const ok = `${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`;

  test.each(ways)(
    'over %s is used for one exchange after the other, and as many at a time as are needed',
    async (_, secure) => {
      const server = await serve(always(ok), secure);
      const pool = poolFor(server);
      for (let i = 0; i < 10; i++) expect(await fetchBody(pool)).toBe('ok');
      expect(server.connections).toBe(1);
      await Promise.all(Array.from({ length: 5 }, () => fetchBody(pool)));
      expect(server.connections).toBe(5);
      await Promise.all(Array.from({ length: 5 }, () => fetchBody(pool)));
      expect(server.connections).toBe(5);
    },
  );

  test('and that the server closes is not used again', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(ok);
      await delay(20);
      peer.socket.end();
      await peer.closed;
    });
    const pool = poolFor(server);
    for (let i = 0; i < 3; i++) {
      expect(await fetchBody(pool)).toBe('ok');
      await until(() => server.open === 0);
      // Its end is here a turn later.
      await delay(10);
    }
    expect(server.connections).toBe(3);
  });

  test('and that the server closes just as it gets a request fails that one only', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(ok);
      if (peer.index === 0) {
        await peer.request();
        peer.socket.destroy();
      }
      await peer.closed;
    });
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe('ok');
    await expect(fetchBody(pool)).rejects.toEqual(broken('WIRE_CLOSED'));
    expect(await fetchBody(pool)).toBe('ok');
  });

  test('is closed where the rest of its answer is not wanted', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 20')}ok`);
      await peer.closed;
    });
    const exchange = await get(poolFor(server));
    await exchange.answer();
    exchange.close();
    await until(() => server.open === 0);
    expect(server.connections).toBe(1);
  });

  test('does not belong to the exchange that is over any more', async () => {
    const server = await serve(always(ok));
    const pool = poolFor(server);
    const over = await get(pool);
    await over.answer();
    await readAll(over);
    over.close();
    const next = await get(pool);
    await expect(over.readBlock('any')).rejects.toThrow(TypeError);
    await expect(over.send(Buffer.from('x'))).rejects.toThrow(TypeError);
    over.close();
    await next.answer();
    expect((await readAll(next)).toString()).toBe('ok');
    next.close();
    expect(server.connections).toBe(1);
  });
});

describe('the end of a pool', () => {
  test('breaks off what is under way in every phase, and refuses what comes later', async () => {
    const server = await serve(async (peer) => {
      const request = await peer.request();
      if (request.includes('/body')) await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 20')}ok`);
      await peer.closed;
    });
    const pool = poolFor(server);
    const begin = (path: string) => pool.begin({ method: 'GET', path, headers: {}, signal: never });
    const waiting = await begin('/head');
    const reading = await begin('/body');
    await reading.answer();
    const sending = await post(pool, 10);
    const ends = [waiting.answer(), readAll(reading), begin('/connecting')];
    pool.close();
    for (const end of ends) await expect(end).rejects.toEqual(broken('WIRE_CLOSED'));
    await expect(sending.send(Buffer.alloc(10))).rejects.toEqual(broken('WIRE_CLOSED'));
    await expect(begin('/late')).rejects.toEqual(broken('WIRE_CLOSED'));
    for (const exchange of [waiting, reading, sending]) exchange.close();
    await until(() => server.open === 0);
  });

  test('lets nobody wait for connections that are only kept', async () => {
    const server = await serve(always(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`));
    const pool = poolFor(server);
    await Promise.all([fetchBody(pool), fetchBody(pool)]);
    pool.close();
    await until(() => server.open === 0);
    expect(server.connections).toBe(2);
  });
});

describe('a request', () => {
  test('says all that it was told, and where it goes', async () => {
    let request = '';
    const server = await serve(async (peer) => {
      request = await peer.request();
      await peer.write(head('HTTP/1.1 204 No Content'));
      await peer.closed;
    });
    const pool = poolFor(server);
    const answer = await sendOverWire(pool, {
      method: 'GET',
      path: '/a/../b%20c//?d=%2F',
      headers: { 'if-match': '"\xe9"' },
      signal: never,
    });
    expect(answer.status).toBe(204);
    expect(await answer.take(10)).toEqual({ bytes: Buffer.alloc(0), complete: true });
    const lines = ['GET /a/../b%20c//?d=%2F HTTP/1.1', `host: 127.0.0.1:${server.port}`, 'if-match: "\xe9"'];
    expect(request).toBe(lines.join('\r\n'));
  });

  test.each([
    ['a header with a line end', '/', { a: 'b\r\nc: d' }],
    ['a header whose letters would become one', '/', { a: 'b\u010d\u010ac: d' }],
    ['a path with a blank', '/a b', {}],
    ['a path with a line end', '/a\r\nb', {}],
  ])('with %s is not sent', async (_, path, headers) => {
    const server = await serve((peer) => peer.closed);
    const begun = poolFor(server).begin({ method: 'GET', path, headers, signal: never });
    await expect(begun).rejects.toThrow(TypeError);
    expect(server.connections).toBe(0);
  });

  test.each(ways)('finds the one address of a name that answers, over %s', async (_, secure) => {
    const server = await serve(always(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`), secure);
    const pool = new WirePool(server.url.replace('127.0.0.1', 'localhost'), SETTINGS);
    cleanUp.push(() => pool.close());
    expect(await fetchBody(pool)).toBe('ok');
  });
});
