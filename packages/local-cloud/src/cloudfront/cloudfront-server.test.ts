import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Pool } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from '../s3/s3-server.ts';
import { type CloudFrontServer, type CloudFrontServerOptions, startCloudFrontServer } from './cloudfront-server.ts';

const MIB = 1024 * 1024;

describe('the CloudFront server', () => {
  let s3: S3Server;
  let failing = false;
  let nowMs = Date.UTC(2026, 0, 1);
  const running: { close: () => Promise<void> }[] = [];

  beforeEach(async () => {
    failing = false;
    s3 = await startS3Server({
      buckets: { photos: {}, made: { generated: [{ count: 2, sizesBytes: [20 * MIB] }] } },
      recordsKeys: true,
      intercept: (_, response) => {
        if (failing) response.writeHead(503).end('later');
        return failing;
      },
    });
    running.push(s3);
  });

  afterEach(async () => {
    for (const one of running.splice(0).toReversed()) await one.close();
  });

  const start = async (options: Partial<CloudFrontServerOptions> = {}) => {
    const origin = { url: s3.url, bucket: 'photos', ...options.origin };
    const server: CloudFrontServer = await startCloudFrontServer({ now: () => nowMs, ...options, origin });
    const pool = new Pool(server.url);
    running.push(server, { close: () => pool.destroy() });
    const get = async (path: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' | 'PUT' = 'GET') => {
      const answer = await pool.request({ path, method, headers });
      const body = Buffer.from(await answer.body.bytes());
      return {
        status: answer.statusCode,
        headers: answer.headers,
        cache: answer.headers['x-cache'],
        body,
        text: body.toString(),
      };
    };
    return { server, get };
  };

  it('serves a stale copy until it runs out, then the new version', async () => {
    const { get } = await start({ ttlMs: 60_000 });
    s3.bucket('photos').put('a', 'old');
    expect(await get('/a')).toMatchObject({ text: 'old', cache: 'Miss from cloudfront' });
    s3.bucket('photos').put('a', 'new');
    nowMs += 59_000;
    const hit = await get('/a');
    expect(hit).toMatchObject({ text: 'old', cache: 'Hit from cloudfront' });
    expect(hit.headers.age).toBe('59');
    nowMs += 1_000;
    expect(await get('/a')).toMatchObject({ text: 'new', cache: 'Miss from cloudfront' });
  });

  it('has an old copy confirmed, and reads the object only once for that', async () => {
    const { get, server } = await start({ ttlMs: 60_000 });
    s3.bucket('photos').put('a', 'same');
    await get('/a');
    nowMs += 61_000;
    expect(await get('/a')).toMatchObject({ text: 'same', cache: 'RefreshHit from cloudfront' });
    expect(await get('/a')).toMatchObject({ text: 'same', cache: 'Hit from cloudfront' });
    expect(s3.stats.getsByObject.get('photos/a')).toBe(1);
    expect(server.stats).toMatchObject({
      requests: 3,
      hits: 1,
      refreshHits: 1,
      misses: 1,
      bytesSent: 12,
      bytesFromOrigin: 4,
    });
  });

  it('serves a copy that ran out while the origin fails', async () => {
    const { get } = await start({ ttlMs: 1000 });
    s3.bucket('photos').put('a', 'old');
    await get('/a');
    nowMs += 5000;
    failing = true;
    expect(await get('/a')).toMatchObject({ status: 200, text: 'old' });
    expect(await get('/b')).toMatchObject({ status: 503, text: 'later', cache: 'Error from cloudfront' });
  });

  it('caches nothing with a lifetime of 0', async () => {
    const { get, server } = await start({ ttlMs: 0 });
    s3.bucket('photos').put('a', 'old');
    await get('/a');
    s3.bucket('photos').put('a', 'new');
    expect(await get('/a')).toMatchObject({ text: 'new', cache: 'Miss from cloudfront' });
    expect(server.cachedBytes()).toBe(0);
  });

  it('obeys Cache-Control, forgets on invalidation, and keeps errors as long as it is told', async () => {
    const { get, server } = await start({ errorTtlMs: 10_000 });
    s3.bucket('photos').put('private', '1', { attributes: { cacheControl: 'private' } });
    s3.bucket('photos').put('short', '1', { attributes: { cacheControl: 'max-age=5' } });
    for (const path of ['/private', '/short', '/none']) await get(path);
    for (const key of ['private', 'short', 'none']) s3.bucket('photos').put(key, '2');
    expect((await get('/private')).text).toBe('2');
    expect((await get('/short')).text).toBe('1');
    expect((await get('/none')).status).toBe(404);
    nowMs += 5_000;
    expect((await get('/short')).text).toBe('2');
    server.invalidate('/no*');
    expect((await get('/none')).text).toBe('2');
  });

  it('answers ranges and conditions from the copy', async () => {
    const { get } = await start();
    const { etag } = s3.bucket('photos').put('a', 'abcdefghij');
    await get('/a');
    const range = await get('/a', { range: 'bytes=2-4', 'if-match': `"${etag}"` });
    expect(range).toMatchObject({ status: 206, text: 'cde', cache: 'Hit from cloudfront' });
    expect(range.headers['content-range']).toBe('bytes 2-4/10');
    expect((await get('/a', { range: 'bytes=10-' })).status).toBe(416);
    expect((await get('/a', { range: 'nonsense' })).status).toBe(200);
    expect((await get('/a', { 'if-match': '"other"' })).status).toBe(412);
    expect((await get('/a', { 'if-none-match': `"${etag}"` })).status).toBe(304);
    expect((await get('/a', {}, 'HEAD')).headers).toMatchObject({ 'content-length': '10', etag: `"${etag}"` });
    expect(s3.stats.operations).toMatchObject({ GetObject: 1, HeadObject: 0 });
  });

  it('passes ranges of objects through that it has no copy of', async () => {
    const { get, server } = await start();
    s3.bucket('photos').put('a', 'abcdefghij');
    expect(await get('/a', { range: 'bytes=2-4' })).toMatchObject({
      status: 206,
      text: 'cde',
      cache: 'Miss from cloudfront',
    });
    expect((await get('/a', { range: 'bytes=2-4', 'if-match': '"other"' })).status).toBe(412);
    expect(server.cachedBytes()).toBe(0);
  });

  it('streams large objects without a copy, reading them once', async () => {
    const { get, server } = await start({ origin: { url: s3.url, bucket: 'made' } });
    const path = '/folder-0/object-0.bin';
    expect((await get(path)).body.length).toBe(20 * MIB);
    expect(server.cachedBytes()).toBe(0);
    expect(s3.stats.getsByObject.get('made/folder-0/object-0.bin')).toBe(1);
    const etag = (await get(path, {}, 'HEAD')).headers.etag as string;
    expect((await get(path, { 'if-none-match': etag })).status).toBe(304);
  });

  it('compresses text for viewers that accept it, under a weak ETag', async () => {
    const { get } = await start({ compresses: true });
    const text = 'all work and no play '.repeat(200);
    const { etag } = s3.bucket('photos').put('a.txt', text, { attributes: { contentType: 'text/plain' } });
    s3.bucket('photos').put('a.bin', text, { attributes: { contentType: 'image/png' } });
    const brotli = await get('/a.txt', { 'accept-encoding': 'gzip, br' });
    expect(brotli.headers).toMatchObject({
      etag: `W/"${etag}"`,
      'content-encoding': 'br',
      'content-length': String(brotli.body.length),
    });
    const conditional = (headers: Record<string, string>) => get('/a.txt', { 'accept-encoding': 'br', ...headers });
    expect((await conditional({ 'if-match': `"${etag}"` })).status).toBe(412);
    expect((await conditional({ 'if-none-match': `"${etag}"` })).status).toBe(304);
    expect((await conditional({ range: 'bytes=0-1', 'if-range': `"${etag}"` })).status).toBe(200);
    expect(brotliDecompressSync(brotli.body).toString()).toBe(text);
    const gzip = await get('/a.txt', { 'accept-encoding': 'gzip, br;q=0' });
    expect(gunzipSync(gzip.body).toString()).toBe(text);
    const identity = await get('/a.txt', { 'accept-encoding': 'identity' });
    expect(identity).toMatchObject({ text });
    expect(identity.headers.etag).toBe(`"${etag}"`);
    expect((await get('/a.bin', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBeUndefined();
  });

  it('leaves the query out of key and request unless told otherwise', async () => {
    s3.bucket('photos').put('a', 'x');
    const without = await start();
    await without.get('/a?x=1');
    expect(await without.get('/a?x=2')).toMatchObject({ cache: 'Hit from cloudfront' });
    const withQuery = await start({ includesQueryString: true });
    await withQuery.get('/a?x=1');
    expect(await withQuery.get('/a?x=2')).toMatchObject({ cache: 'Miss from cloudfront' });
  });

  it('puts the origin path in front and leaves the rest of the path as it is', async () => {
    const { get } = await start({ origin: { url: s3.url, bucket: 'photos', path: '/my%20root' } });
    s3.bucket('photos').put('my root/../a//b +', 'raw');
    expect((await get('/../a//b%20%2B')).text).toBe('raw');
  });

  it('refuses long URLs and other methods', async () => {
    const { get, server } = await start();
    expect((await get(`/${'a'.repeat(8192 - server.url.length - 1)}`)).status).toBe(400);
    expect((await get(`/${'a'.repeat(8192 - server.url.length)}`)).status).toBe(414);
    expect((await get('/a', {}, 'PUT')).status).toBe(403);
    expect(server.stats.refused).toBe(2);
  });

  it('answers 502 where the origin cannot be reached', async () => {
    const { get } = await start();
    await s3.close();
    running.splice(running.indexOf(s3), 1);
    expect((await get('/a')).status).toBe(502);
  });
});
