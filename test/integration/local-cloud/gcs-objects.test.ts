import { startGcsServer, type GcsServer, type GcsServerOptions } from '@object-transfer/local-cloud/gcs/gcs-server';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { send } from './gcs-requests.ts';

const BUCKET = 'rehearsal';
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function start(options: GcsServerOptions = {}): Promise<GcsServer> {
  const server = await startGcsServer({ buckets: [BUCKET], ...options });
  stops.push(() => server.close());
  return server;
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gcs-'));
  stops.push(() => rm(directory, { recursive: true }));
  return directory;
}

/** Both ways of keeping objects must behave alike. */
describe.each(['in memory', 'in a directory'])('objects kept %s', (where) => {
  const open = async (): Promise<GcsServer> =>
    start(where === 'in memory' ? {} : { directory: await temporaryDirectory() });

  it('are listed in pages with the fields asked for', async () => {
    const server = await open();
    for (const name of ['b', 'a/1', '😀', 'a/2', '\uffee']) server.objects.put(BUCKET, name, name);
    const first = await send(server, 'GET', `${BUCKET}/o?maxResults=2&fields=items(name),nextPageToken`);
    expect(first.body).toEqual({ items: [{ name: 'a/1' }, { name: 'a/2' }], nextPageToken: expect.any(String) });
    const token = encodeURIComponent(String(first.body.nextPageToken));
    const rest = await send(server, 'GET', `${BUCKET}/o?pageToken=${token}&fields=items/name,nextPageToken`);
    expect(rest.body).toEqual({ items: [{ name: 'b' }, { name: '\uffee' }, { name: '😀' }] });
    const grouped = await send(server, 'GET', `${BUCKET}/o?delimiter=/&prefix=a`);
    expect(grouped.body).toEqual({ kind: 'storage#objects', prefixes: ['a/'] });
  });

  it('are patched, updated and deleted under preconditions', async () => {
    const server = await open();
    const created = server.objects.put(BUCKET, 'x', 'bytes', { contentType: 'a/b', metadata: { a: '1', b: '2' } });
    const path = `${BUCKET}/o/x`;
    expect((await send(server, 'PATCH', `${path}?ifMetagenerationMatch=2`, { contentType: 'c/d' })).status).toBe(412);
    const patched = await send(server, 'PATCH', `${path}?ifMetagenerationMatch=1`, {
      cacheControl: 'no-store',
      metadata: { a: null, c: '3' },
    });
    expect(patched.body).toMatchObject({
      metageneration: '2',
      generation: created.generation,
      contentType: 'a/b',
      cacheControl: 'no-store',
    });
    expect(patched.body.metadata).toEqual({ b: '2', c: '3' });
    const updated = await send(server, 'PUT', path, { contentLanguage: 'de', contentType: 'e/f' });
    expect(updated.body).toMatchObject({ metageneration: '3', contentLanguage: 'de', contentType: 'e/f' });
    expect(updated.body).not.toHaveProperty('metadata');
    expect((await server.objects.object(BUCKET, 'x'))?.bytes.toString()).toBe('bytes');
    expect((await send(server, 'GET', `${path}?ifMetagenerationNotMatch=3`)).status).toBe(304);
    expect((await send(server, 'GET', `${path}?generation=1`)).status).toBe(404);
    expect((await send(server, 'DELETE', `${path}?ifGenerationMatch=1`)).status).toBe(412);
    expect((await send(server, 'DELETE', `${path}?ifGenerationMatch=${created.generation}`)).status).toBe(204);
    expect((await send(server, 'DELETE', path)).status).toBe(404);
    expect((await send(server, 'GET', path)).body).toMatchObject({
      error: { code: 404, message: `No such object: ${BUCKET}/x` },
    });
  });

  it('are deleted by their generation', async () => {
    const server = await open();
    const { generation } = server.objects.put(BUCKET, 'x', 'old');
    const live = server.objects.put(BUCKET, 'x', 'new');
    expect((await send(server, 'DELETE', `${BUCKET}/o/x?generation=${generation}`)).status).toBe(404);
    expect((await send(server, 'GET', `${BUCKET}/o/x`)).body).toMatchObject({ generation: live.generation });
    expect((await send(server, 'DELETE', `${BUCKET}/o/x?generation=${live.generation}`)).status).toBe(204);
    expect((await send(server, 'GET', `${BUCKET}/o/x`)).status).toBe(404);
  });

  it('are downloaded whole, in part, and with their headers', async () => {
    const server = await open();
    const bytes = Buffer.alloc(300_000, 'abc');
    const created = server.objects.put(BUCKET, 'ü/x', bytes, {
      contentType: 'text/plain',
      contentLanguage: 'de',
      metadata: { key: 'grün\n', 'no token': 'x' },
    });
    const media = (headers: Record<string, string> = {}) =>
      fetch(`${server.url}/storage/v1/b/${BUCKET}/o/%C3%BC%2Fx?alt=media`, { headers });
    const whole = await media();
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'content-type': 'text/plain',
      'content-length': '300000',
      'content-language': 'de',
      'x-goog-generation': created.generation,
      'x-goog-hash': `crc32c=${created.crc32c},md5=${created.md5Hash}`,
      'x-goog-stored-content-encoding': 'identity',
      'x-goog-meta-key': Buffer.from('grün ').toString('latin1'),
    });
    const part = await media({ range: 'bytes=299990-' });
    expect([part.status, part.headers.get('content-range'), (await part.arrayBuffer()).byteLength]).toEqual([
      206,
      'bytes 299990-299999/300000',
      10,
    ]);
    const beyond = await media({ range: 'bytes=300000-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */300000']);
    const head = await fetch(`${server.url}/download/storage/v1/b/${BUCKET}/o/%C3%BC%2Fx?alt=media`, {
      method: 'HEAD',
    });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '300000']);
  });

  it('are read to the end by a client that began before they were replaced', async () => {
    const server = await open();
    const bytes = Buffer.alloc(20_000_000, 'before');
    server.objects.put(BUCKET, 'x', bytes);
    const response = await fetch(`${server.url}/storage/v1/b/${BUCKET}/o/x?alt=media`);
    server.objects.put(BUCKET, 'x', 'after');
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('are decompressed for a client that does not take gzip', async () => {
    const server = await open();
    const packed = gzipSync('text '.repeat(1_000));
    const media = (name: string, encoding: string) =>
      fetch(`${server.url}/storage/v1/b/${BUCKET}/o/${name}?alt=media`, {
        headers: { 'accept-encoding': encoding, range: 'bytes=0-9' },
      });
    server.objects.put(BUCKET, 'packed', packed, { contentEncoding: 'gzip' });
    server.objects.put(BUCKET, 'kept', packed, { contentEncoding: 'gzip', cacheControl: 'public, no-transform' });
    const plain = await media('packed', 'identity');
    expect([plain.status, await plain.text()]).toEqual([200, 'text '.repeat(1_000)]);
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('x-goog-stored-content-encoding')).toBe('gzip');
    for (const response of [await media('packed', 'gzip'), await media('kept', 'identity')]) {
      expect([response.status, response.headers.get('content-encoding')]).toEqual([206, 'gzip']);
      await response.body?.cancel();
    }
  });
});

describe('a bucket', () => {
  it('is found, made, changed and removed', async () => {
    const server = await start();
    expect((await send(server, 'GET', BUCKET)).body).toMatchObject({
      kind: 'storage#bucket',
      name: BUCKET,
      storageClass: 'STANDARD',
    });
    expect((await send(server, 'GET', 'elsewhere')).status).toBe(404);
    const insert = (name: string) =>
      fetch(`${server.url}/storage/v1/b?project=p`, {
        method: 'POST',
        body: JSON.stringify({ name, storageClass: 'NEARLINE' }),
      });
    expect([(await insert('made')).status, (await insert('made')).status, (await insert('../made')).status]).toEqual([
      200, 409, 400,
    ]);
    expect(server.objects.put('made', 'x', 'x').storageClass).toBe('NEARLINE');
    expect((await send(server, 'PATCH', 'made', { storageClass: 'WARM' })).status).toBe(400);
    expect((await send(server, 'PATCH', 'made', { storageClass: 'ARCHIVE' })).body).toMatchObject({
      storageClass: 'ARCHIVE',
    });
    expect(server.objects.put('made', 'x', 'x').storageClass).toBe('ARCHIVE');
    expect((await send(server, 'PATCH', 'made', { labels: { a: 'b' } })).body).toMatchObject({
      metageneration: '3',
      labels: { a: 'b' },
    });
    expect((await send(server, 'DELETE', 'made')).status).toBe(409);
    server.objects.remove('made', 'x');
    expect((await send(server, 'DELETE', 'made')).status).toBe(204);
    const permissions = await send(
      server,
      'GET',
      `${BUCKET}/iam/testPermissions?permissions=storage.objects.get&permissions=storage.objects.list`,
    );
    expect(permissions.body.permissions).toEqual(['storage.objects.get', 'storage.objects.list']);
  });

  it('is the same after a restart over its directory, whatever the names in it', async () => {
    const directory = await temporaryDirectory();
    const before = await start({ directory });
    const names = ['../../escape', 'a//b', 'x', 'X', 'é'.repeat(512), 'nested/../..'];
    for (const name of names) before.objects.put(BUCKET, name, 'old');
    for (const name of names) before.objects.put(BUCKET, name, `bytes of ${name}`, { metadata: { k: name } });
    before.objects.put(BUCKET, 'gone', 'x');
    before.objects.remove(BUCKET, 'gone');
    await send(before, 'PATCH', `${BUCKET}/o/x`, { metadata: { patched: 'yes' } });
    const resources = names.map((name) => before.objects.resource(BUCKET, name)?.etag);
    await before.close();
    stops.pop();

    // What a process that was killed leaves behind: bytes without metadata, and half a line.
    await writeFile(join(directory, BUCKET, 'bytes', '00', 'orphan'), 'x');
    await writeFile(join(directory, BUCKET, 'journal.jsonl'), '{"put":{"na', { flag: 'a' });
    const after = await start({ directory });
    expect(after.objects.names(BUCKET)).toEqual(before.objects.names(BUCKET));
    expect(names.map((name) => after.objects.resource(BUCKET, name)?.etag)).toEqual(resources);
    for (const name of names) {
      expect((await after.objects.object(BUCKET, name))?.bytes.toString()).toBe(`bytes of ${name}`);
    }
    const files = await readdir(join(directory, BUCKET, 'bytes'), { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile())).toHaveLength(names.length);
    expect(await readdir(directory)).toEqual([BUCKET]);
    const generation = Number(after.objects.resource(BUCKET, 'x')?.generation);
    expect(Number(after.objects.put(BUCKET, 'x', 'new').generation)).toBeGreaterThan(generation);
  });
});

describe('a server', () => {
  it('refuses requests without a good token when it wants one', async () => {
    let good = 'first';
    const server = await start({ requireBearerToken: (token) => token === good });
    const get = (headers: Record<string, string>) => send(server, 'GET', BUCKET, undefined, headers);
    expect((await get({})).body).toMatchObject({ error: { code: 401, errors: [{ reason: 'required' }] } });
    expect((await get({ authorization: 'Bearer first' })).status).toBe(200);
    good = 'second';
    expect((await get({ authorization: 'Bearer first' })).body).toMatchObject({
      error: { code: 401, errors: [{ reason: 'authError' }] },
    });
  });

  it('refuses a second write of a name within one second when told to', async () => {
    let timeMs = 1_000_000;
    const server = await start({ limitWritesPerName: true, now: () => timeMs });
    const write = async (name: string): Promise<number> => {
      const response = await fetch(`${server.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=${name}`, {
        method: 'POST',
        body: 'x',
      });
      await response.arrayBuffer();
      return response.status;
    };
    expect([await write('x'), await write('x'), await write('y')]).toEqual([200, 429, 200]);
    timeMs += 1_000;
    expect(await write('x')).toBe(200);
  });

  it('keeps checksums and no bytes when told to discard content', async () => {
    const server = await start({ discardContent: true });
    expect(server.objects.put(BUCKET, 'x', '123456789')).toMatchObject({ crc32c: '4waSgw==', size: '9' });
    const response = await fetch(`${server.url}/storage/v1/b/${BUCKET}/o/x?alt=media`);
    expect(response.status).toBe(501);
    const composed = await send(server, 'POST', `${BUCKET}/o/y/compose`, {
      sourceObjects: [{ name: 'x' }, { name: 'x' }],
    });
    expect(composed.body).toMatchObject({
      size: '18',
      crc32c: (await start()).objects.put(BUCKET, 'y', '123456789123456789').crc32c,
    });
  });

  it('lets an interceptor answer first, and counts what it serves itself', async () => {
    let failures = 2;
    const server = await start({
      intercept(_request, response) {
        if (failures-- <= 0) return false;
        response.writeHead(503).end();
        return true;
      },
    });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 3; attempt++) statuses.push((await fetch(`${server.url}/b/${BUCKET}/o`)).status);
    expect(statuses).toEqual([503, 503, 200]);
    expect(server.stats.operations).toEqual(new Map([['objects.list', 1]]));
  });

  it('says so when its port is taken, and leaves the directory to whoever has it', async () => {
    const directory = await temporaryDirectory();
    const server = await start();
    await expect(startGcsServer({ directory, buckets: [BUCKET], port: server.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    expect((await start({ directory })).objects.names(BUCKET)).toEqual([]);
  });

  it('reads a refused request to its end before it answers, as a client that is still sending would not see the answer', async () => {
    const events: string[] = [];
    const server = await start({
      intercept(request, response) {
        request.once('end', () => events.push('read'));
        response.once('finish', () => events.push('answered'));
        return false;
      },
    });
    const response = await fetch(`${server.url}/upload/storage/v1/b/elsewhere/o?uploadType=media&name=x`, {
      method: 'POST',
      body: Buffer.alloc(20_000_000),
    });
    expect(response.status).toBe(404);
    expect(events).toEqual(['read', 'answered']);
  });
});
