import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RateLimit } from '@object-transfer/core/runtime/rate-limit';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { TransferContext, TransferOutcome } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Clouds, DESTINATION_BUCKET, firstTimes, isGet, never } from '../../fixtures/clouds.ts';
import { BYTES, content, ETAG_KINDS, MULTIPART_ETAG } from './streamed-objects.ts';
import { failedWith, transferred } from './transfer-one.ts';

const QUICK_POOL = { connections: 4, connectTimeoutMs: 2_000, headersTimeoutMs: 300, bodyTimeoutMs: 300 };

let clouds: Clouds;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
beforeEach(() => clouds.gcs.stats.reset());
afterEach(() => clouds.heal());

async function move(key: string, overrides: Partial<TransferContext> = {}): Promise<TransferOutcome> {
  const context = clouds.transferContext(overrides);
  try {
    return await transferObject(context, { key, expected: undefined }, new Map(), never);
  } finally {
    expect(context.budget.usedBytes).toBe(0);
    expect([context.readLimit.active, context.writeLimit.active]).toEqual([0, 0]);
    expect(clouds.leftovers()).toEqual([]);
  }
}

function operations(name: string): number {
  return clouds.gcs.stats.operations.get(name) ?? 0;
}

async function expectArrived(key: string, body: Buffer): Promise<void> {
  expect((await clouds.arrived(key))?.bytes.equals(body)).toBe(true);
}

function isUpload({ method, url = '' }: IncomingMessage): boolean {
  return url.startsWith('/upload/') && (method === 'POST' || method === 'PUT');
}

/** Takes half of what is sent, and breaks the connection. */
function breakInTheMiddle(_: ServerResponse, request: IncomingMessage): void {
  const half = Number(request.headers['content-length']) / 2;
  let received = 0;
  request.on('data', (data: Buffer) => {
    received += data.length;
    if (received >= half) request.socket.destroy();
  });
}

describe.each(ETAG_KINDS)('a streamed object whose ETag as MD5 %s', (kind, etag) => {
  const name = (what: string) => `streamed/${kind}/${what}`;
  const put = (key: string, body: Buffer, more: Parameters<Clouds['put']>[2] = {}) =>
    clouds.put(key, body, etag === undefined ? more : { etag, ...more });

  test('arrives byte for byte, by requests that GCS checks by itself', async () => {
    const body = content(BYTES);
    put(name('plain'), body);
    expect(await move(name('plain'))).toEqual(transferred(BYTES));
    await expectArrived(name('plain'), body);
    const isMd5 = etag === undefined;
    expect(operations('objects.insert.multipart')).toBe(isMd5 ? 1 : 0);
    expect(operations('objects.insert.resumable')).toBe(isMd5 ? 0 : 1);
    expect(operations('objects.insert.resumable.continue')).toBe(isMd5 ? 0 : 2);
    expect(operations('objects.compose')).toBe(0);
  });

  test.each([256 * 1024, 256 * 1024 + 1, 512 * 1024, 1024 * 1024])('of %d bytes arrives', async (bytes) => {
    const body = content(bytes);
    put(name(`sizes/${bytes}`), body);
    expect(await move(name(`sizes/${bytes}`))).toEqual(transferred(bytes));
    await expectArrived(name(`sizes/${bytes}`), body);
  });

  test('keeps its headers, its metadata and its class', async () => {
    const source = put(name('headers'), content(BYTES), {
      lastModifiedMs: 5_000,
      attributes: {
        contentType: 'image/png',
        cacheControl: 'max-age=7',
        contentDisposition: 'attachment; filename="x.png"',
        contentLanguage: 'de',
        contentEncoding: 'br',
        userMetadata: { author: 'Zoë' },
      },
    });
    await move(name('headers'), { storageClassFor: () => 'COLDLINE' });
    expect((await clouds.arrived(name('headers')))?.resource).toMatchObject({
      contentType: 'image/png',
      cacheControl: 'max-age=7',
      contentDisposition: 'attachment; filename="x.png"',
      contentLanguage: 'de',
      contentEncoding: 'br',
      storageClass: 'COLDLINE',
      metadata: { author: 'Zoë', 'x-goog-source-etag': source.etag, 'goog-reserved-file-mtime': '5' },
    });
  });

  test('takes its bytes from what may be moved', async () => {
    put(name('rates'), content(BYTES));
    const rates = { writes: new RateLimit(), bytes: new RateLimit() };
    await move(name('rates'), { rates });
    expect([rates.bytes.granted, rates.writes.granted]).toEqual([BYTES, 1]);
  });

  test('that breaks off in the middle is read on from there, and nothing of it was under its name', async () => {
    const body = content(BYTES);
    const { etag: listed } = put(name('broken-source'), body);
    const arrivedBefore: boolean[] = [];
    const asked: unknown[] = [];
    clouds.break('cdn', (request, response) => {
      if (!isGet(name('broken-source'))(request)) return false;
      arrivedBefore.push(clouds.gcs.objects.names(DESTINATION_BUCKET).includes(name('broken-source')));
      asked.push(request.headers.range, request.headers['if-match']);
      if (asked.length > 2) return false;
      response.writeHead(200, { etag: `"${listed}"`, 'content-length': String(BYTES) });
      response.write(body.subarray(0, 400_000), () => request.socket.destroy());
      return true;
    });
    expect(await move(name('broken-source'))).toEqual(transferred(BYTES));
    expect(arrivedBefore).toEqual([false, false]);
    // What did not fill a buffer is read again.
    expect(asked).toEqual([undefined, undefined, `bytes=${256 * 1024}-${BYTES - 1}`, `"${listed}"`]);
    expect(operations('objects.insert.multipart') + operations('objects.insert.resumable')).toBe(1);
    await expectArrived(name('broken-source'), body);
  });

  test('whose connection always breaks is read on as often as an object may be tried', async () => {
    const { etag: listed } = put(name('always-broken'), content(BYTES));
    let asked = 0;
    clouds.break('cdn', (request, response) => {
      if (!isGet(name('always-broken'))(request)) return false;
      asked++;
      // Nothing of so little is on its way to GCS: each time, all is asked for.
      const range = request.headers.range === undefined ? {} : { 'content-range': `bytes 0-${BYTES - 1}/${BYTES}` };
      response.writeHead(asked === 1 ? 200 : 206, { etag: `"${listed}"`, 'content-length': BYTES, ...range });
      response.write('a', () => request.socket.destroy());
      return true;
    });
    expect(await move(name('always-broken'))).toEqual(failedWith('SOURCE_CONNECTION'));
    expect(asked).toBe(6);
  });

  test('that breaks off, and has another version then, is moved anew', async () => {
    const body = content(BYTES);
    const { etag: listed } = put(name('other-version'), content(BYTES - 1));
    const expected = { key: name('other-version'), sizeBytes: BYTES, etag: '0'.repeat(32) };
    let gets = 0;
    clouds.break('cdn', (request, response) => {
      if (!isGet(name('other-version'))(request) || ++gets > 1) return false;
      response.writeHead(200, { etag: `"${expected.etag}"`, 'content-length': String(BYTES) });
      response.write(body.subarray(0, 400_000), () => request.socket.destroy());
      return true;
    });
    const outcome = await transferObject(clouds.transferContext(), { key: expected.key, expected }, new Map(), never);
    expect(outcome).toMatchObject({ status: 'transferred', changed: true, bytes: BYTES - 1 });
    expect((await clouds.arrived(expected.key))?.resource.metadata).toMatchObject({ 'x-goog-source-etag': listed });
  });

  test('whose upload breaks off in the middle is uploaded again', async () => {
    const body = content(BYTES);
    put(name('broken-upload'), body);
    clouds.break(
      'gcs',
      firstTimes(
        2,
        (request) => isUpload(request) && Number(request.headers['content-length']) > 1000,
        breakInTheMiddle,
      ),
    );
    expect(await move(name('broken-upload'))).toEqual(transferred(BYTES));
    await expectArrived(name('broken-upload'), body);
  });

  test('whose upload breaks off at its last request leaves what was there', async () => {
    const body = content(BYTES);
    put(name('last-request'), body);
    const before = clouds.gcs.objects.put(DESTINATION_BUCKET, name('last-request'), 'before');
    expect(before).toBeDefined();
    clouds.break('gcs', (request) => {
      if (!isUpload(request) || !/multipart|upload_id/.test(request.url ?? '')) return false;
      request.on('data', () => undefined).on('end', () => request.socket.destroy());
      return true;
    });
    expect(await move(name('last-request'))).toEqual(failedWith('DESTINATION_CONNECTION'));
    clouds.heal();
    expect((await clouds.arrived(name('last-request')))?.bytes.toString()).toBe('before');
  });

  test.each([
    ['shorter', -1],
    ['longer', 1],
    ['far-longer', 900_000],
  ])('that comes %s than listed is never there; the next route is taken', async (what, difference) => {
    const body = content(BYTES);
    const { etag: listed } = put(name(what), body);
    const served = difference > 0 ? Buffer.concat([body, content(difference)]) : body.subarray(0, difference);
    clouds.break('cdn', (request, response) => {
      if (!isGet(name(what))(request)) return false;
      // Without a length: only its bytes tell.
      response.writeHead(200, { etag: `"${listed}"` }).end(served);
      expect(clouds.gcs.objects.names(DESTINATION_BUCKET)).not.toContain(name(what));
      return true;
    });
    expect(await move(name(what))).toEqual(transferred(BYTES, { route: 's3' }));
    await expectArrived(name(what), body);
    clouds.heal();
    expect(operations('objects.delete')).toBe(0);
  });

  test('whose copy at the CDN is an old one is read from S3 itself', async () => {
    const body = content(BYTES);
    put(name('stale'), body);
    clouds.break('cdn', (request, response) => {
      if (!isGet(name('stale'))(request)) return false;
      response.writeHead(200, { etag: '"old"', 'content-length': String(BYTES) }).end(content(BYTES, 1));
      return true;
    });
    expect(await move(name('stale'))).toEqual(transferred(BYTES, { route: 's3' }));
    await expectArrived(name('stale'), body);
    // The copy was known by its head.
    expect(operations('objects.insert.multipart') + operations('objects.insert.resumable')).toBe(1);
  });

  test('is not written where another writer was faster with the same, and is overwritten where with another', async () => {
    for (const [policy, there, status] of [
      ['if-different', 'same', 'skipped'],
      ['if-different', 'other', 'transferred'],
      ['always', 'same', 'transferred'],
      ['never', 'other', 'skipped'],
    ] as const) {
      const key = name(`faster/${policy}/${there}`);
      const body = content(BYTES);
      const { etag: listed } = put(key, body);
      const other = there === 'same' ? body : content(BYTES + 1);
      clouds.break('cdn', (request) => {
        if (isGet(key)(request) && clouds.gcs.objects.resource(DESTINATION_BUCKET, key) === undefined) {
          clouds.gcs.objects.put(DESTINATION_BUCKET, key, other, {
            metadata: { 'x-goog-source-etag': there === 'same' ? listed : 'x' },
          });
        }
        return false;
      });
      expect(await move(key, { overwrite: policy })).toMatchObject({ status });
      await expectArrived(key, status === 'skipped' ? other : body);
    }
  });

  test('that is there already without proof is proven, and not written again', async () => {
    const body = content(BYTES);
    const source = clouds.put(name('proven'), body, { etag: MULTIPART_ETAG, attributes: { contentType: 'image/png' } });
    clouds.gcs.objects.put(DESTINATION_BUCKET, name('proven'), body);
    const { destination } = clouds.transferContext();
    const found = await destination.stat(name('proven'), never);
    expect(found).toBeDefined();
    const known = new Map(found === undefined ? [] : [[name('proven'), found]]);
    const outcome = await transferObject(
      clouds.transferContext(),
      { key: name('proven'), expected: source },
      known,
      never,
    );
    expect(outcome).toEqual({ status: 'skipped' });
    const arrived = await clouds.arrived(name('proven'));
    expect(arrived?.resource.generation).toBe(found?.generation);
    expect(arrived?.resource).toMatchObject({
      contentType: 'image/png',
      metadata: { 'x-goog-source-etag': MULTIPART_ETAG },
    });
    expect(clouds.leftovers()).toEqual([]);
  });

  test('is moved again with another token where GCS refuses the one that it had', async () => {
    const body = content(BYTES);
    put(name('token'), body);
    let discarded = 0;
    const seen: unknown[] = [];
    const destination = createGcsObjectDestination({
      bucket: DESTINATION_BUCKET,
      emulatorHost: clouds.gcs.url,
      tokens: { token: () => Promise.resolve(`token-${discarded}`), discard: () => void discarded++ },
    });
    clouds.break('gcs', (request, response) => {
      if (!isUpload(request)) return false;
      if (request.headers.authorization !== undefined) seen.push(request.headers.authorization);
      if (request.headers.authorization !== 'Bearer token-0') return false;
      request.resume().on('end', () => response.writeHead(401).end());
      return true;
    });
    expect(await move(name('token'), { destination, parts: destination })).toEqual(transferred(BYTES));
    expect(seen).toEqual(['Bearer token-0', 'Bearer token-1']);
    await expectArrived(name('token'), body);
    await destination.close();
  });

  test('ends with the reason of an abort in the middle, and holds nothing any more', async () => {
    put(name('aborted'), content(BYTES));
    const controller = new AbortController();
    const reason = new Error('shutting down');
    clouds.break('gcs', (request) => {
      if (!isUpload(request) || Number(request.headers['content-length']) < 1000) return false;
      request.once('data', () => controller.abort(reason));
      return true;
    });
    const context = clouds.transferContext();
    const run = transferObject(context, { key: name('aborted'), expected: undefined }, new Map(), controller.signal);
    await expect(run).rejects.toBe(reason);
    expect(context.budget.usedBytes).toBe(0);
    expect([context.readLimit.active, context.writeLimit.active]).toEqual([0, 0]);
    expect(await clouds.arrived(name('aborted'))).toBeUndefined();
  });
});

test('a copy at the CDN with wrong bytes under the right ETag is refused by GCS, and read from S3 itself', async () => {
  const body = content(BYTES);
  const { etag } = clouds.put('streamed/tampered', body);
  const there: boolean[] = [];
  clouds.break('cdn', (request, response) => {
    if (!isGet('streamed/tampered')(request)) return false;
    there.push(clouds.gcs.objects.names(DESTINATION_BUCKET).includes('streamed/tampered'));
    response.writeHead(200, { etag: `"${etag}"`, 'content-length': String(BYTES) }).end(content(BYTES, 1));
    return true;
  });
  expect(await move('streamed/tampered')).toEqual(transferred(BYTES, { route: 's3' }));
  expect(there).toEqual([false, false]);
  await expectArrived('streamed/tampered', body);
});

test('bytes that change on their way to GCS are refused by it, and moved again', async () => {
  const body = content(BYTES);
  clouds.put('streamed/session', body, { etag: MULTIPART_ETAG });
  clouds.break(
    'gcs',
    firstTimes(
      1,
      ({ headers }) => headers['x-goog-hash'] !== undefined,
      (response, request) => {
        expect(createHash('md5').update(String(request.headers['x-goog-hash'])).digest('hex')).toHaveLength(32);
        const message = 'Provided CRC32C "a" doesn\'t match calculated CRC32C "b".';
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }));
      },
    ),
  );
  expect(await move('streamed/session')).toMatchObject({ status: 'transferred' });
  await expectArrived('streamed/session', body);
});

/** Moves an object after a failure. @returns whether the limits of reads and of writes have become smaller */
async function shrinks(key: string, overrides: Partial<TransferContext>): Promise<readonly boolean[]> {
  clouds.put(key, content(BYTES), { etag: MULTIPART_ETAG });
  const context = clouds.transferContext(overrides);
  const before = [context.readLimit.limit, context.writeLimit.limit];
  expect(await move(key, { ...overrides, readLimit: context.readLimit, writeLimit: context.writeLimit })).toMatchObject(
    { status: 'transferred' },
  );
  return [context.readLimit.limit < (before[0] ?? 0), context.writeLimit.limit < (before[1] ?? 0)];
}

describe('the limit of', () => {
  test.each([503, 429])('reads alone shrinks where the CDN says %d', async (status) => {
    const key = `limits/read-${status}`;
    clouds.break(
      'cdn',
      firstTimes(1, isGet(key), (response) => response.writeHead(status).end()),
    );
    expect(await shrinks(key, {})).toEqual([true, false]);
  });

  test.each([503, 429])('writes alone shrinks where GCS says %d', async (status) => {
    clouds.break(
      'gcs',
      firstTimes(1, isUpload, (response) => response.writeHead(status).end()),
    );
    expect(await shrinks(`limits/write-${status}`, {})).toEqual([false, true]);
  });

  test('reads alone shrinks where the CDN stalls in the middle', async () => {
    const key = 'limits/read-stall';
    const cdn = createCdnObjectReader({
      urlHostPre: `${clouds.cdn.url}/`,
      signing: { kind: 'none' },
      pool: QUICK_POOL,
    });
    clouds.break(
      'cdn',
      firstTimes(1, isGet(key), (response) => {
        response.writeHead(200, { etag: `"${MULTIPART_ETAG}"`, 'content-length': String(BYTES) });
        response.write(content(300_000));
      }),
    );
    expect(await shrinks(key, { cdn })).toEqual([true, false]);
    await cdn.close();
  });

  test('writes alone shrinks where GCS does not answer', async () => {
    const destination = createGcsObjectDestination({
      bucket: DESTINATION_BUCKET,
      emulatorHost: clouds.gcs.url,
      pool: QUICK_POOL,
    });
    clouds.break(
      'gcs',
      firstTimes(
        1,
        ({ headers }) => headers['x-goog-hash'] !== undefined,
        () => undefined,
      ),
    );
    expect(await shrinks('limits/write-stall', { destination })).toEqual([false, true]);
    await destination.close();
  });

  test('neither shrinks where a connection breaks', async () => {
    const key = 'limits/broken';
    clouds.break(
      'cdn',
      firstTimes(1, isGet(key), (_, request) => request.socket.destroy()),
    );
    expect(await shrinks(key, {})).toEqual([false, false]);
  });
});
