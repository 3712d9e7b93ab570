import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { ByteBudget } from '@object-transfer/core/runtime/byte-budget';
import { RateLimit } from '@object-transfer/core/runtime/rate-limit';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { TransferContext, TransferOutcome } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { sweepParts, partsPrefix } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { Clouds, DESTINATION_BUCKET, firstTimes, isGet, never, PARTS_BUCKET } from '../../fixtures/clouds.ts';
import { answerStoredOtherwise } from './stored-otherwise.ts';

const PART_BYTES = 1000;

let clouds: Clouds;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
beforeEach(() => {
  clouds.gcs.stats.reset();
});
afterEach(() => clouds.heal());

function content(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) % 256));
}

async function move(key: string, overrides: Partial<TransferContext> = {}): Promise<TransferOutcome> {
  const context = clouds.transferContext({ partSizeBytes: PART_BYTES, ...overrides });
  const outcome = await transferObject(context, { key, expected: undefined }, new Map(), never);
  expect(context.budget.usedBytes).toBe(0);
  expect([context.readLimit.active, context.writeLimit.active]).toEqual([0, 0]);
  return outcome;
}

function operations(name: string): number {
  return clouds.gcs.stats.operations.get(name) ?? 0;
}

async function expectArrived(key: string, body: Buffer): Promise<void> {
  const arrived = await clouds.arrived(key);
  expect(arrived?.bytes.equals(body)).toBe(true);
  expect(clouds.leftovers()).toEqual([]);
}

describe('a large object', () => {
  test.each([
    ['one byte over a part', PART_BYTES + 1, 2, 1],
    ['in whole parts', PART_BYTES * 4, 4, 1],
    ['in as many parts as one compose takes', PART_BYTES * 32, 32, 1],
    ['in one part more, by two levels', PART_BYTES * 32 + 1, 33, 3],
    ['in many parts', PART_BYTES * 99 + 5, 100, 5],
  ])('%s arrives whole, and its parts are gone', async (name, bytes, parts, composes) => {
    const key = `large/${name}`;
    const body = content(bytes);
    clouds.put(key, body);
    expect(await move(key)).toEqual({
      status: 'transferred',
      bytes,
      changed: false,
      route: 'cdn',
      missingMetadataCount: 0,
    });
    await expectArrived(key, body);
    expect(operations('objects.insert.multipart')).toBe(parts);
    expect(operations('objects.compose')).toBe(composes);
  });

  test('is asked for under the condition that it is still the listed one', async () => {
    const { etag } = clouds.put('large/condition', content(2500));
    const conditions = new Map<unknown, unknown>();
    clouds.break('cdn', ({ headers }) => {
      conditions.set(headers.range, headers['if-match']);
      return false;
    });
    await move('large/condition');
    expect(Object.fromEntries(conditions)).toEqual({
      'bytes=0-999': `"${etag}"`,
      'bytes=1000-1999': `"${etag}"`,
      'bytes=2000-2499': `"${etag}"`,
    });
  });

  test('that fits into one part moves in one piece', async () => {
    clouds.put('one-part', content(PART_BYTES));
    await move('one-part');
    await expectArrived('one-part', content(PART_BYTES));
    expect(operations('objects.compose')).toBe(0);
  });

  test('that was composed wrongly never bears its final name', async () => {
    const body = content(PART_BYTES * 3);
    clouds.put('large/composed', body);
    const seen: boolean[] = [];
    clouds.break('gcs', (request, response) => {
      if (request.url?.includes('/compose') !== true) return false;
      seen.push(clouds.gcs.objects.names(DESTINATION_BUCKET).includes('large/composed'));
      if (seen.length > 1) return false;
      answerStoredOtherwise(request, response, body.length);
      return true;
    });
    expect(await move('large/composed')).toMatchObject({ status: 'transferred' });
    expect(seen).toEqual([false, false]);
    await expectArrived('large/composed', body);
  });

  test('is not moved again where only its last step fails for now', async () => {
    const body = content(PART_BYTES * 3);
    clouds.put('large/last-step', body);
    const failing = firstTimes(
      2,
      ({ url }) => url?.includes('/rewriteTo/') === true,
      (response) => response.writeHead(503).end(),
    );
    clouds.break('gcs', failing);
    expect(await move('large/last-step')).toMatchObject({ status: 'transferred' });
    await expectArrived('large/last-step', body);
    expect(operations('objects.insert.multipart')).toBe(3);
    expect(operations('objects.compose')).toBe(1);
  });

  test('moves through parts of the class that costs nothing to delete early', async () => {
    clouds.put('large/classes', content(PART_BYTES * 33));
    const classes = new Set<unknown>();
    clouds.break('gcs', ({ method }) => {
      if (method === 'DELETE') {
        for (const name of clouds.leftovers()) {
          classes.add(clouds.gcs.objects.resource(DESTINATION_BUCKET, name)?.storageClass);
        }
      }
      return false;
    });
    await move('large/classes', { storageClassFor: () => 'ARCHIVE' });
    expect([...classes]).toEqual(['STANDARD']);
    expect((await clouds.arrived('large/classes'))?.resource.storageClass).toBe('ARCHIVE');
  });

  test('keeps its headers and metadata', async () => {
    const { etag } = clouds.put('large/headers', content(3000), {
      lastModifiedMs: 5_000,
      attributes: { contentType: 'image/png', contentEncoding: 'br', userMetadata: { author: 'Zoë' } },
    });
    await move('large/headers', { storageClassFor: () => 'COLDLINE' });
    expect((await clouds.arrived('large/headers'))?.resource).toMatchObject({
      contentType: 'image/png',
      contentEncoding: 'br',
      storageClass: 'COLDLINE',
      metadata: { author: 'Zoë', 'x-goog-source-etag': etag, 'goog-reserved-file-mtime': '5' },
    });
  });

  test('never takes more memory than there is', async () => {
    const body = content(PART_BYTES * 20);
    clouds.put('large/budget', body);
    const budget = new ByteBudget(PART_BYTES * 2);
    let most = 0;
    clouds.break('gcs', () => {
      most = Math.max(most, budget.usedBytes);
      return false;
    });
    expect(await move('large/budget', { budget })).toMatchObject({ status: 'transferred' });
    expect(most).toBe(PART_BYTES * 2);
    await expectArrived('large/budget', body);
  });

  test('takes its bytes from what may be moved, and each change of the bucket from what may be written', async () => {
    clouds.put('large/rates', content(PART_BYTES * 33 + 1));
    const rates = { writes: new RateLimit(), bytes: new RateLimit() };
    let changes = 0;
    clouds.break('gcs', ({ method }) => {
      if (method !== 'GET') changes++;
      return false;
    });
    await move('large/rates', { rates });
    expect(rates.bytes.granted).toBe(PART_BYTES * 33 + 1);
    // 34 parts, 3 composes, a rewrite, and 37 deletes.
    expect(changes).toBe(75);
    expect(rates.writes.granted).toBe(changes);
  });

  test('that is there already without proof is skipped, and proven from then on', async () => {
    const body = content(5000);
    clouds.put('large/same', body);
    clouds.gcs.objects.put(DESTINATION_BUCKET, 'large/same', body);
    const { etag } = clouds.put('large/same', body, { etag: `${'0'.repeat(32)}-5` });
    expect(await move('large/same', {})).toEqual({ status: 'skipped' });
    expect((await clouds.arrived('large/same'))?.resource.metadata).toMatchObject({ 'x-goog-source-etag': etag });
    expect(clouds.leftovers()).toEqual([]);
  });
});

describe('a range', () => {
  test.each<[string, number, Record<string, string>]>([
    ['answered as a whole', 200, { 'content-length': '1000' }],
    ['of somewhere else', 206, { 'content-range': 'bytes 1-1000/5000', 'content-length': '1000' }],
    ['shorter than asked for', 206, { 'content-range': 'bytes 0-998/5000', 'content-length': '999' }],
    ['without Content-Range', 206, { 'content-length': '1000' }],
  ])('%s is not believed: the next route is taken at once', async (name, status, headers) => {
    const key = `range/${name}`;
    const body = content(5000);
    const { etag } = clouds.put(key, body);
    let asked = 0;
    clouds.break('cdn', (request, response) => {
      if (request.url?.includes('object-transfer-bypass') === true) return false;
      asked++;
      const length = Number(headers['content-length']);
      response.writeHead(status, { etag: `"${etag}"`, ...headers }).end(body.subarray(0, length));
      return true;
    });
    expect(await move(key)).toMatchObject({ status: 'transferred', route: 'cdn-past-cache' });
    expect(asked).toBeLessThanOrEqual(5);
    await expectArrived(key, body);
  });

  test('of another version ends the attempt; the new version is what arrives', async () => {
    const old = content(5000);
    const { etag } = clouds.put('range/changed', old);
    const body = Buffer.concat([content(3000), content(3000)]);
    let asked = 0;
    clouds.break('cdn', () => {
      // S3 moves on in the middle of the object.
      if (++asked === 3) clouds.put('range/changed', body);
      return false;
    });
    const context = clouds.transferContext({ partSizeBytes: PART_BYTES });
    const expected = { key: 'range/changed', sizeBytes: old.length, etag };
    const outcome = await transferObject(context, { key: 'range/changed', expected }, new Map(), never);
    expect(outcome).toMatchObject({ status: 'transferred', bytes: 6000, changed: true });
    await expectArrived('range/changed', body);
  });

  test('that breaks off is moved again, the others are not', async () => {
    const body = content(8000);
    const { etag } = clouds.put('range/broken', body);
    clouds.break(
      'cdn',
      firstTimes(1, isGet('range/broken'), (response, request) => {
        const range = /bytes=(\d+)-(\d+)/.exec(String(request.headers.range));
        response.writeHead(206, {
          etag: `"${etag}"`,
          'content-range': `bytes ${range?.[1]}-${range?.[2]}/8000`,
          'content-length': '1000',
        });
        response.write('abc', () => request.socket.destroy());
      }),
    );
    expect(await move('range/broken')).toMatchObject({ status: 'transferred', route: 'cdn' });
    // The read goes on where it broke off, and so does the upload.
    expect(operations('objects.insert.multipart')).toBe(8);
    await expectArrived('range/broken', body);
  });
});

describe('what fails', () => {
  test('at the compose, for a moment, does not move the bytes again', async () => {
    const body = content(5000);
    clouds.put('compose/503', body);
    clouds.break(
      'gcs',
      firstTimes(
        2,
        ({ url }) => url?.includes('/compose') === true,
        (response) => response.writeHead(503).end(),
      ),
    );
    expect(await move('compose/503')).toMatchObject({ status: 'transferred' });
    expect(operations('objects.insert.multipart')).toBe(5);
    await expectArrived('compose/503', body);
  });

  test.each(['/compose', '/rewriteTo/'])('at %s, for ever, does not move the bytes again', async (step) => {
    clouds.put(`for-ever${step}`, content(3000));
    let asked = 0;
    clouds.break('gcs', ({ url }, response) => {
      if (url?.includes(step) !== true) return false;
      asked++;
      response.writeHead(503).end();
      return true;
    });
    const outcome = await move(`for-ever${step}`);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'DESTINATION_UNAVAILABLE', retryable: true } });
    expect(asked).toBe(6);
    expect(operations('objects.insert.multipart')).toBe(3);
    expect(clouds.leftovers()).toEqual([]);
  });

  test('for good leaves neither the object nor its parts', async () => {
    clouds.put('lost/part', content(9000));
    clouds.break('cdn', (request, response) => {
      if (!isGet('lost/part')(request) || request.headers.range !== 'bytes=7000-7999') return false;
      response.writeHead(401).end();
      return true;
    });
    expect(await move('lost/part')).toMatchObject({ status: 'failed', error: { code: 'SOURCE_FORBIDDEN' } });
    expect(await clouds.arrived('lost/part')).toBeUndefined();
    expect(clouds.leftovers()).toEqual([]);
  });

  test('at deleting a part, for a moment, leaves none behind', async () => {
    clouds.put('delete/503', content(3000));
    clouds.break(
      'gcs',
      firstTimes(
        2,
        ({ method }) => method === 'DELETE',
        (response) => response.writeHead(503).end(),
      ),
    );
    expect(await move('delete/503')).toMatchObject({ status: 'transferred' });
    expect(clouds.leftovers()).toEqual([]);
  });

  test('by an abort takes its parts away before it ends', async () => {
    clouds.put('aborted/large', content(20_000));
    const controller = new AbortController();
    const reason = new Error('shutting down');
    let asked = 0;
    const rates = { writes: new RateLimit(), bytes: new RateLimit() };
    clouds.break('cdn', () => {
      if (++asked === 12) {
        // What is on its way out does not wait for its turn to delete.
        rates.writes.setPerSecond(0.001);
        controller.abort(reason);
      }
      return false;
    });
    const context = clouds.transferContext({ partSizeBytes: PART_BYTES, rates });
    const run = transferObject(context, { key: 'aborted/large', expected: undefined }, new Map(), controller.signal);
    await expect(run).rejects.toBe(reason);
    expect(context.budget.usedBytes).toBe(0);
    expect([context.readLimit.active, context.writeLimit.active]).toEqual([0, 0]);
    expect(await clouds.arrived('aborted/large')).toBeUndefined();
    expect(clouds.leftovers()).toEqual([]);
  });
});

function openParts(): ObjectDestination {
  return createGcsObjectDestination({ bucket: PARTS_BUCKET, emulatorHost: clouds.gcs.url });
}

describe('parts in another bucket', () => {
  test('are never beside the objects, and are gone in the end', async () => {
    const parts = openParts();
    const body = content(PART_BYTES * 33 + 7);
    const { etag } = clouds.put('elsewhere/large', body, { attributes: { contentType: 'image/png' } });
    const seen = { beside: 0, apart: 0 };
    clouds.break('gcs', () => {
      const [beside, apart] = [DESTINATION_BUCKET, PARTS_BUCKET].map((bucket) => clouds.gcs.objects.names(bucket));
      seen.beside += beside?.filter((name) => name.includes('.object-transfer-parts/')).length ?? 0;
      seen.apart = Math.max(seen.apart, apart?.length ?? 0);
      return false;
    });
    expect(await move('elsewhere/large', { parts })).toMatchObject({ status: 'transferred' });
    await expectArrived('elsewhere/large', body);
    expect(seen).toEqual({ beside: 0, apart: 37 });
    expect((await clouds.arrived('elsewhere/large'))?.resource).toMatchObject({
      contentType: 'image/png',
      metadata: { 'x-goog-source-etag': etag },
    });
    await parts.close();
  });

  test('are gone where the object is lost', async () => {
    const parts = openParts();
    clouds.put('elsewhere/lost', content(PART_BYTES * 9));
    clouds.break('gcs', ({ url = '' }, response) => {
      if (!url.includes('/rewriteTo/')) return false;
      response.writeHead(403).end();
      return true;
    });
    expect(await move('elsewhere/lost', { parts })).toMatchObject({ error: { code: 'DESTINATION_FORBIDDEN' } });
    expect(clouds.leftovers()).toEqual([]);
    expect(await clouds.arrived('elsewhere/lost')).toBeUndefined();
    await parts.close();
  });

  test('are compared with what was sent: one that GCS has stored otherwise is moved again', async () => {
    const parts = openParts();
    const body = content(PART_BYTES * 4);
    clouds.put('elsewhere/compared', body);
    clouds.break(
      'gcs',
      firstTimes(
        1,
        ({ url = '' }) => url.startsWith('/upload/'),
        (response, request) => answerStoredOtherwise(request, response, PART_BYTES),
      ),
    );
    expect(await move('elsewhere/compared', { parts })).toMatchObject({ status: 'transferred' });
    await expectArrived('elsewhere/compared', body);
    await parts.close();
  });

  test('of processes that are gone are swept there', async () => {
    const parts = openParts();
    const name = `${partsPrefix('', 'host:1:0000000a')}run/0`;
    for (const bucket of [DESTINATION_BUCKET, PARTS_BUCKET]) clouds.gcs.objects.put(bucket, name, 'x');
    expect(await sweepParts({ destination: parts, gcsRootPrefix: '', isDead: () => true }, never)).toMatchObject({
      deleted: 1,
      failed: 0,
    });
    expect(clouds.leftovers()).toEqual([name]);
    clouds.gcs.objects.remove(DESTINATION_BUCKET, name);
    await parts.close();
  });
});

test('a range whose connection always breaks is asked for as often as an object may be tried, and the others once', async () => {
  const { etag } = clouds.put('range/always', content(4000));
  const asked: string[] = [];
  clouds.break('cdn', (request, response) => {
    const [, start = 0, end = 0] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).map(Number);
    asked.push(`${Math.floor(start / PART_BYTES)}`);
    if (Math.floor(start / PART_BYTES) !== 2) return false;
    response.writeHead(206, {
      etag: `"${etag}"`,
      'content-range': `bytes ${start}-${end}/4000`,
      'content-length': end - start + 1,
    });
    response.write('a', () => request.socket.destroy());
    return true;
  });
  expect(await move('range/always')).toMatchObject({ status: 'failed', error: { code: 'SOURCE_CONNECTION' } });
  expect(asked.toSorted()).toEqual(['0', '1', '2', '2', '2', '2', '2', '2', '3']);
  expect(clouds.leftovers()).toEqual([]);
});
