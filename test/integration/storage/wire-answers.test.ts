import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { WirePool } from '@object-transfer/core/storage/wire/wire-pool';
import { describe, expect, test } from 'vitest';
import { createSelfSignedCertificate } from '../../fixtures/self-signed-certificate.ts';
import { head, startRawServer } from './raw-server.ts';
import { IMPATIENT, MIB, SETTINGS, broken, fetchBody, get, poolFor, post, serve, until, ways } from './wire-rig.ts';

describe.each(ways)('an answer over %s', (_name, secure) => {
  test.each([
    ['without a body', head('HTTP/1.1 200 OK', 'content-length: 0'), ''],
    ['204', head('HTTP/1.1 204 No Content'), ''],
    ['304 that tells a length', head('HTTP/1.1 304 Not Modified', 'content-length: 100'), ''],
    [
      'in chunks',
      `${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}3;x\r\nabc\r\n1\r\nd\r\n0\r\nt: x\r\n\r\n`,
      'abcd',
    ],
    ['in no chunk', `${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}0\r\n\r\n`, ''],
    [
      'after interim ones',
      `${head('HTTP/1.1 100 Continue')}${head('HTTP/1.1 103 Early Hints', 'link: <x>')}${head('HTTP/1.1 200 OK', 'content-length: 2')}ab`,
      'ab',
    ],
    [
      'of HTTP/1.0 that keeps the connection',
      `${head('HTTP/1.0 200 OK', 'connection: keep-alive', 'content-length: 2')}ab`,
      'ab',
    ],
  ])('%s is understood in one piece and byte by byte, and its connection stays', async (_, answer, body) => {
    let inBytes = false;
    const server = await serve(async (peer) => {
      for (let i = 0; i < 4; i++) {
        await peer.request();
        if (!inBytes) await peer.write(answer);
        else
          for (const byte of Buffer.from(answer, 'latin1')) {
            await peer.write(Buffer.of(byte));
            await nextTurn();
          }
      }
      await peer.closed;
    }, secure);
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe(body);
    expect(await fetchBody(pool, 'any')).toBe(body);
    inBytes = true;
    expect(await fetchBody(pool)).toBe(body);
    expect(await fetchBody(pool, 'any')).toBe(body);
    expect(server.connections).toBe(1);
  });

  test.each([
    ['of HTTP/1.0', `${head('HTTP/1.0 200 OK', 'content-length: 2')}ab`],
    ['of HTTP/1.0 without a length', `${head('HTTP/1.0 200 OK')}ab`],
    ['that says so', `${head('HTTP/1.1 200 OK', 'connection: close', 'content-length: 2')}ab`],
    ['without a length', `${head('HTTP/1.1 200 OK')}ab`],
  ])('%s is the last one of its connection', async (_, answer) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(answer);
      peer.socket.end();
    }, secure);
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe('ab');
    expect(await fetchBody(pool)).toBe('ab');
    expect(server.connections).toBe(2);
    await until(() => server.open === 0);
  });

  test.each([
    ['whose head is too long', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`],
    ['that is no HTTP', '220 smtp.example ESMTP\r\n\r\n'],
    ['of HTTP/2', head('HTTP/2 200 OK')],
    ['with a folded header', head('HTTP/1.1 200 OK', 'a: b', ' c')],
    ['with two lengths', `${head('HTTP/1.1 200 OK', 'content-length: 1', 'content-length: 2')}ab`],
  ])('%s is refused, and its connection closed', async (_, answer) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(answer);
      await peer.closed;
    }, secure);
    await expect(fetchBody(poolFor(server))).rejects.toEqual(broken('WIRE_PROTOCOL'));
    await until(() => server.open === 0);
  });

  test.each([
    ['a length', `${head('HTTP/1.1 200 OK', 'content-length: 2')}abc`],
    ['a last chunk', `${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}2\r\nab\r\n0\r\n\r\nc`],
    ['a length of nothing', `${head('HTTP/1.1 200 OK', 'content-length: 0')}c`],
  ])('that goes on beyond %s is refused', async (_, answer) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(answer);
      await peer.closed;
    }, secure);
    await expect(fetchBody(poolFor(server))).rejects.toEqual(broken('WIRE_PROTOCOL'));
    await until(() => server.open === 0);
  });

  test('that goes on later costs the connection, not the next answer', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ab`);
      if (peer.index === 0) await delay(20).then(() => peer.write(head('HTTP/1.1 200 OK', 'content-length: 2') + 'xx'));
      await peer.closed;
    }, secure);
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe('ab');
    // Sooner than an idle connection is given up anyway.
    await Promise.race([until(() => server.open === 0), delay(1_000)]);
    expect(await fetchBody(pool)).toBe('ab');
    expect(server.connections).toBe(2);
  });

  test.each([
    ['with a length', [head('HTTP/1.1 200 OK', 'content-length: 5'), 'abcd']],
    ['in chunks', [head('HTTP/1.1 200 OK', 'transfer-encoding: chunked'), '4\r\nabcd\r\n']],
    ['in its head', ['HTTP/1.1 200 OK\r\ncontent-le', '']],
  ])('that ends too early %s is an error', async (_, [first = '', second = '']) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(first);
      peer.socket.end(second);
    }, secure);
    await expect(fetchBody(poolFor(server))).rejects.toEqual(broken('WIRE_CLOSED'));
    await until(() => server.open === 0);
  });
});

describe('waiting', () => {
  test('for the head ends after its time', async () => {
    const server = await serve((peer) => peer.request().then(() => peer.closed));
    await expect(fetchBody(poolFor(server, IMPATIENT))).rejects.toEqual(broken('WIRE_HEADERS_TIMEOUT'));
    await until(() => server.open === 0);
  });

  test('for the body ends after its time', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 3')}ab`);
      await peer.closed;
    });
    await expect(fetchBody(poolFor(server, IMPATIENT))).rejects.toEqual(broken('WIRE_BODY_TIMEOUT'));
    await until(() => server.open === 0);
  });

  test('for what is sent to be taken ends after its time, for what is to be sent it does not', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      peer.socket.pause();
      await peer.closed;
    });
    const exchange = await post(poolFor(server, IMPATIENT), 100 * MIB);
    await delay(IMPATIENT.bodyTimeoutMs * 2);
    const block = Buffer.alloc(MIB);
    const sending = (async () => {
      for (let i = 0; i < 100; i++) await exchange.send(block);
    })();
    await expect(sending).rejects.toEqual(broken('WIRE_BODY_TIMEOUT'));
    exchange.close();
    server.readOn();
    await until(() => server.open === 0);
  });

  test('for the handshake ends after its time', async () => {
    const server = await serve((peer) => peer.closed);
    const pool = new WirePool(server.url.replace('http:', 'https:'), { ...SETTINGS, connectTimeoutMs: 200 });
    await expect(get(pool)).rejects.toEqual(broken('WIRE_CONNECT_TIMEOUT'));
    await until(() => server.open === 0);
  });

  test('for a handshake with whom nobody vouches for ends at once', async () => {
    const other = await startRawServer((peer) => peer.closed, createSelfSignedCertificate());
    await expect(get(poolFor(other))).rejects.toMatchObject({
      code: expect.stringMatching(/CERT|SELF_SIGNED/) as string,
    });
    await until(() => other.open === 0);
    await other.close();
  });
});
