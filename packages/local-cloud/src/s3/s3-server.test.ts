import { Pool } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from './s3-server.ts';

const MIB = 1024 * 1024;

describe('the S3 server', () => {
  let server: S3Server;
  let pool: Pool;

  beforeEach(async () => {
    server = await startS3Server({
      buckets: { photos: {}, 'my.bucket': {}, made: { generated: [{ count: 5, sizesBytes: [10, 100 * MIB] }] } },
    });
    pool = new Pool(server.url);
  });

  afterEach(async () => {
    await pool.destroy();
    await server.close();
  });

  const send = async (
    path: string,
    headers: Record<string, string> = {},
    method: 'GET' | 'HEAD' | 'PUT' | 'POST' = 'GET',
  ) => {
    const answer = await pool.request({ path, method, headers });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };

  const statusOf = async (headers: Record<string, string>) => (await send('/photos/a', headers)).status;

  const readLarge = async (range: string) =>
    (await pool.request({ path: '/made/folder-0/object-1.bin', method: 'GET', headers: { range } })).body.bytes();

  const putHello = async (headers: Record<string, string>) =>
    (await pool.request({ path: '/photos/a', method: 'PUT', headers, body: 'hello' })).body.text();

  it('finds the bucket in the host name, even one with dots', async () => {
    server.bucket('photos').put('a/b', 'one');
    server.bucket('my.bucket').put('photos/a', 'two');
    expect((await send('/a/b', { host: 'photos.localhost:1234' })).text).toBe('one');
    expect((await send('/photos/a', { host: 'my.bucket.s3.eu-west-1.amazonaws.com' })).text).toBe('two');
    expect((await send('/photos/a/b', { host: '127.0.0.1' })).text).toBe('one');
  });

  it('reads a plus sign in a path as a space, as S3 does', async () => {
    server.bucket('photos').put('a b', 'space');
    server.bucket('photos').put('a+b', 'plus');
    expect((await send('/photos/a+b')).text).toBe('space');
    expect((await send('/photos/a%2Bb')).text).toBe('plus');
  });

  it('never folds a path', async () => {
    server.bucket('photos').put('../x', 'above');
    server.bucket('photos').put('a//./b/', 'odd');
    expect((await send('/photos/../x')).text).toBe('above');
    expect((await send('/photos/a//./b/')).text).toBe('odd');
  });

  it.each([
    ['bytes=2-4', 206, 'cde', 'bytes 2-4/10'],
    ['bytes=7-', 206, 'hij', 'bytes 7-9/10'],
    ['bytes=-3', 206, 'hij', 'bytes 7-9/10'],
    ['bytes=-30', 206, 'abcdefghij', 'bytes 0-9/10'],
    ['bytes=8-99', 206, 'ij', 'bytes 8-9/10'],
    ['bytes=4-2', 200, 'abcdefghij', undefined],
    ['bytes=0-1,3-4', 200, 'abcdefghij', undefined],
    ['lines=1-2', 200, 'abcdefghij', undefined],
  ])('answers %s with %i', async (range, status, text, contentRange) => {
    server.bucket('photos').put('a', 'abcdefghij');
    const answer = await send('/photos/a', { range });
    expect(answer).toMatchObject({ status, text });
    expect(answer.headers['content-range']).toBe(contentRange);
    expect(answer.headers['content-length']).toBe(String(text.length));
  });

  it('answers 416 where a range begins behind the end', async () => {
    server.bucket('photos').put('a', 'abcdefghij');
    server.bucket('photos').put('empty', '');
    const answer = await send('/photos/a', { range: 'bytes=10-' });
    expect(answer.status).toBe(416);
    expect(answer.headers['content-range']).toBe('bytes */10');
    expect(answer.text).toContain('<Code>InvalidRange</Code>');
    expect((await send('/photos/empty', { range: 'bytes=0-' })).status).toBe(416);
  });

  it('obeys conditions', async () => {
    const { etag } = server.bucket('photos').put('a', 'text', { lastModifiedMs: Date.UTC(2024, 0, 1) });
    const before = 'Sun, 31 Dec 2023 00:00:00 GMT';
    const after = 'Tue, 02 Jan 2024 00:00:00 GMT';
    expect(await statusOf({ 'if-match': `"${etag}"` })).toBe(200);
    expect(await statusOf({ 'if-match': '"other"' })).toBe(412);
    expect(await statusOf({ 'if-match': `"${etag}"`, 'if-unmodified-since': before })).toBe(200);
    expect(await statusOf({ 'if-unmodified-since': before })).toBe(412);
    expect(await statusOf({ 'if-none-match': `"x", W/"${etag}"` })).toBe(304);
    expect(await statusOf({ 'if-none-match': '"other"', 'if-modified-since': after })).toBe(200);
    expect(await statusOf({ 'if-modified-since': after })).toBe(304);
    expect(await statusOf({ 'if-modified-since': before })).toBe(200);
    expect(await statusOf({ range: 'bytes=0-1', 'if-range': '"other"' })).toBe(200);
    expect(await statusOf({ range: 'bytes=0-1', 'if-range': `"${etag}"` })).toBe(206);
  });

  it('names what is missing, and says 403 where listing is not allowed', async () => {
    expect(await send('/photos/none')).toMatchObject({
      status: 404,
      text: expect.stringContaining('NoSuchKey') as string,
    });
    expect(await send('/none/a')).toMatchObject({
      status: 404,
      text: expect.stringContaining('NoSuchBucket') as string,
    });
    server.bucket('photos').listBucketAllowed = false;
    expect(await send('/photos/none')).toMatchObject({
      status: 403,
      text: expect.stringContaining('AccessDenied') as string,
    });
    expect((await send('/photos?list-type=2')).status).toBe(403);
    expect(await send('/photos/none', {}, 'HEAD')).toMatchObject({ status: 403, text: '' });
  });

  it('gives no bytes of archived objects before they are restored', async () => {
    server.bucket('photos').put('cold', 'x', { attributes: { storageClass: 'GLACIER' } });
    server.bucket('photos').put('warm', 'x', { attributes: { storageClass: 'DEEP_ARCHIVE', restored: true } });
    expect(await send('/photos/cold')).toMatchObject({
      status: 403,
      text: expect.stringContaining('InvalidObjectState') as string,
    });
    const head = await send('/photos/cold', {}, 'HEAD');
    expect(head.headers).toMatchObject({ 'x-amz-storage-class': 'GLACIER' });
    expect(await send('/photos/warm')).toMatchObject({ status: 200, text: 'x' });
  });

  it('reads ranges of large generated objects without making what is before them', async () => {
    const size = 100 * MIB;
    const whole = await readLarge(`bytes=${size - 2 * MIB}-`);
    const part = await readLarge(`bytes=${size - MIB - 3}-${size - MIB + 9}`);
    expect(Buffer.from(whole.subarray(MIB - 3, MIB + 10)).equals(part)).toBe(true);
    expect((await send('/made/folder-0/object-1.bin', {}, 'HEAD')).headers.etag).toMatch(/^"[0-9a-f]{32}-13"$/);
  });

  it('lists by version 1 with markers', async () => {
    for (const key of ['a/1', 'b', 'c']) server.bucket('photos').put(key, '');
    const first = await send('/photos?delimiter=/&max-keys=1');
    expect(first.text).toContain('<NextMarker>a/</NextMarker>');
    const second = await send('/photos?delimiter=/&max-keys=1&marker=a/');
    expect(second.text).toContain('<Key>b</Key>');
    expect(second.text).not.toContain('CommonPrefixes');
  });

  it('writes keys that XML cannot carry as such only when asked to encode them', async () => {
    server.bucket('photos').put('a\u0001b c/é', '');
    expect((await send('/photos?list-type=2&encoding-type=url')).text).toContain('<Key>a%01b+c/%C3%A9</Key>');
    expect((await send('/photos?list-type=2')).text).toContain('<Key>a&#x1;b c/é</Key>');
  });

  it.each(['max-keys=-1', 'max-keys=x', 'encoding-type=xml', 'continuation-token=***'])(
    'refuses to list with %s',
    async (query) => {
      expect(await send(`/photos?list-type=2&${query}`)).toMatchObject({ status: 400 });
    },
  );

  it('refuses what is not UTF-8 and what it does not implement', async () => {
    expect(await send('/photos/%ff')).toMatchObject({
      status: 400,
      text: expect.stringContaining('InvalidURI') as string,
    });
    expect(await send('/photos/a?tagging')).toMatchObject({ status: 501 });
    expect(await send('/photos/a', {}, 'POST')).toMatchObject({ status: 405 });
  });

  it('refuses a body that does not match its checksum', async () => {
    expect(await putHello({ 'x-amz-checksum-crc32c': 'mnG7TA==' })).toBe('');
    expect(await putHello({ 'x-amz-checksum-crc32c': 'AAAAAA==' })).toContain('BadDigest');
    expect(await putHello({ 'content-md5': 'AAAA' })).toContain('BadDigest');
    expect(await putHello({ 'x-amz-content-sha256': '0'.repeat(64) })).toContain('XAmzContentSHA256Mismatch');
  });

  it('creates an object only once under If-None-Match: *', async () => {
    const once = { 'if-none-match': '*' };
    expect(await putHello(once)).toBe('');
    expect(await putHello(once)).toContain('PreconditionFailed');
  });
});
