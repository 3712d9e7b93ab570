import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type WireExchange } from '@object-transfer/core/storage/wire/wire-pool';
import { describe, expect, test } from 'vitest';
import { head } from './raw-server.ts';
import { IMPATIENT, MIB, always, fetchBody, get, poolFor, post, readAll, serve, until, ways } from './wire-rig.ts';

/** Sends until it is refused. */
async function sendAll(exchange: WireExchange, bytes: number): Promise<void> {
  const block = Buffer.alloc(MIB, 'x');
  for (let sent = 0; sent < bytes && !exchange.isAnswered; sent += block.length) {
    await exchange.send(block).catch((error: unknown) => {
      if (!exchange.isAnswered) throw error;
    });
  }
}

describe.each(ways)('an abort over %s', (_name, secure) => {
  const reason = new Error('enough');

  test('before the begin opens no connection', async () => {
    const server = await serve((peer) => peer.closed, secure);
    await expect(get(poolFor(server), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.connections).toBe(0);
  });

  test('ends with its reason in each phase, and closes the connection', async () => {
    const phases = ['connect', 'head', 'body', 'paused', 'send'] as const;
    for (const phase of phases) {
      const controller = new AbortController();
      const server = await serve(async (peer) => {
        await peer.request();
        if (phase === 'send') peer.socket.pause();
        if (phase === 'body' || phase === 'paused') {
          await peer.write(head('HTTP/1.1 200 OK', `content-length: ${64 * MIB}`));
          await peer.write(Buffer.alloc(phase === 'body' ? 100 : 20 * MIB)).catch(() => undefined);
        }
        await peer.closed;
      }, secure);
      const pool = poolFor(server);
      const run = async (): Promise<void> => {
        const exchange = await (phase === 'send'
          ? post(pool, 64 * MIB, controller.signal)
          : get(pool, controller.signal));
        try {
          if (phase === 'send') {
            setTimeout(() => controller.abort(reason), 30);
            for (;;) await exchange.send(Buffer.alloc(MIB));
          }
          if (phase === 'head') setTimeout(() => controller.abort(reason), 20);
          await exchange.answer();
          if (phase === 'body') setTimeout(() => controller.abort(reason), 20);
          if (phase === 'paused') {
            await exchange.readBlock('full');
            await delay(30);
            controller.abort(reason);
          }
          while ((await exchange.readBlock('full')) !== undefined);
        } finally {
          exchange.close();
        }
      };
      const running = run();
      if (phase === 'connect') controller.abort(reason);
      await expect(running).rejects.toBe(reason);
      server.readOn();
      await until(() => server.open === 0);
    }
  });

  test('is nothing to a connection whose exchange is over', async () => {
    const server = await serve(always(head('HTTP/1.1 200 OK', 'content-length: 0')), secure);
    const pool = poolFor(server);
    const controller = new AbortController();
    const exchange = await get(pool, controller.signal);
    await exchange.answer();
    await readAll(exchange);
    exchange.close();
    controller.abort(reason);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(await fetchBody(pool)).toBe('');
    expect(server.connections).toBe(1);
  });
});

describe('a request whose answer comes early', () => {
  const refusal = `${head('HTTP/1.1 412 Precondition Failed', 'content-length: 3')}no!`;

  test.each([
    ['and is read on', 'reads'],
    ['and is not read on', 'pauses'],
    ['and whose connection ends', 'ends'],
  ] as const)('%s: gets the answer, and its connection is not used again', async (_, then) => {
    const server = await serve(async (peer) => {
      const request = await peer.request();
      if (request.startsWith('GET')) {
        await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`);
        await peer.closed;
        return;
      }
      await peer.bytes(3 * MIB);
      if (then === 'pauses') peer.socket.pause();
      await peer.write(refusal);
      if (then === 'ends') peer.socket.end();
      await peer.closed;
    });
    const pool = poolFor(server);
    const exchange = await post(pool, 200 * MIB);
    await sendAll(exchange, 200 * MIB);
    expect((await exchange.answer()).status).toBe(412);
    expect((await readAll(exchange)).toString()).toBe('no!');
    exchange.close();
    // Otherwise it would be taken for the rest of that body.
    expect(await fetchBody(pool)).toBe('ok');
    expect(server.connections).toBe(2);
  });

  test('while nothing is being sent: gets the answer, and its connection is not used again', async () => {
    const server = await serve(async (peer) => {
      const request = await peer.request();
      await peer.write(request.startsWith('GET') ? `${head('HTTP/1.1 200 OK', 'content-length: 2')}ok` : refusal);
      await peer.closed;
    });
    const pool = poolFor(server);
    const exchange = await post(pool, 10);
    await until(() => exchange.isAnswered);
    expect((await exchange.answer()).status).toBe(412);
    expect((await readAll(exchange)).toString()).toBe('no!');
    exchange.close();
    expect(await fetchBody(pool)).toBe('ok');
    expect(server.connections).toBe(2);
  });

  test('and never ends does not wait for ever', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      peer.socket.pause();
      await peer.write(head('HTTP/1.1 503 Slow Down', `content-length: ${90 * MIB}`));
      await peer.write(Buffer.alloc(90 * MIB)).catch(() => undefined);
      await peer.closed;
    });
    const exchange = await post(poolFor(server, IMPATIENT), 200 * MIB);
    await sendAll(exchange, 200 * MIB);
    expect((await exchange.answer()).status).toBe(503);
    exchange.close();
    server.readOn();
    await until(() => server.open === 0);
  });

  test('of which all was sent leaves its connection for the next', async () => {
    const server = await serve(async (peer) => {
      for (let i = 0; i < 2; i++) {
        await peer.request();
        expect((await peer.bytes(6)).toString()).toBe('abcdef');
        await peer.write(refusal);
      }
      await peer.closed;
    });
    const pool = poolFor(server);
    for (let i = 0; i < 2; i++) {
      const exchange = await post(pool, 6);
      await exchange.send(Buffer.from('ab'), Buffer.from('c'));
      await exchange.send(Buffer.from('def'));
      expect((await exchange.answer()).status).toBe(412);
      await readAll(exchange);
      exchange.close();
    }
    expect(server.connections).toBe(1);
  });
});
