import type { TransferContext } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Clouds, DESTINATION_BUCKET, firstTimes, isGet, never } from '../../fixtures/clouds.ts';
import { BYTES, content, ETAG_KINDS } from './streamed-objects.ts';
import { transferred } from './transfer-one.ts';

let clouds: Clouds;
let context: TransferContext;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
beforeEach(() => {
  clouds.gcs.stats.reset();
  context = clouds.transferContext();
});
afterEach(() => clouds.heal());

function operations(name: string): number {
  return clouds.gcs.stats.operations.get(name) ?? 0;
}

function heldOf({ budget, readLimit, writeLimit }: TransferContext): readonly number[] {
  return [budget.usedBytes, readLimit.active, writeLimit.active];
}

describe.each(ETAG_KINDS)('an object whose ETag as MD5 %s', (kind, etag) => {
  const name = (what: string) => `again/${kind}/${what}`;
  const put = (key: string, body: Buffer) => clouds.put(key, body, etag === undefined ? {} : { etag });

  test.each([
    ['the same', 0, 'skipped'],
    ['other', 1, 'transferred'],
  ] as const)('that finds %s bytes of its size under the name ends as it should', async (_, seed, status) => {
    const key = name(`found/${seed}`);
    const expected = put(key, content(BYTES));
    // As another tool left it: without a source ETag, and composed, so that no MD5 proves it.
    const { crc32c } = clouds.gcs.objects.put(DESTINATION_BUCKET, key, content(BYTES, seed));
    const there = await context.destination.stat(key, never);
    const found = new Map(there === undefined ? [] : [[key, { ...there, md5: undefined }]]);
    const outcome = await transferObject(context, { key, expected }, found, never);
    expect(outcome.status).toBe(status);
    expect(heldOf(context)).toEqual([0, 0, 0]);
    const arrived = await clouds.arrived(key);
    expect(arrived?.bytes.equals(content(BYTES))).toBe(true);
    expect(arrived?.resource.metadata).toMatchObject({ 'x-goog-source-etag': expected.etag });
    // It keeps its generation where it was right, and its MD5 in any case.
    expect(arrived?.resource.generation === there?.generation).toBe(status === 'skipped');
    expect(arrived?.resource.crc32c === crc32c).toBe(status === 'skipped');
    expect(arrived?.resource.md5Hash).toBeDefined();
    expect(operations('objects.compose')).toBe(0);
  });

  test('is read once where the last request of its upload fails for a moment', async () => {
    const body = content(BYTES);
    const expected = put(name('last-fails'), body);
    let gets = 0;
    clouds.break('cdn', (request) => {
      if (isGet(name('last-fails'))(request)) gets++;
      return false;
    });
    clouds.break(
      'gcs',
      firstTimes(
        2,
        ({ headers }) => headers['x-goog-hash'] !== undefined,
        (response) => response.writeHead(503).end(),
      ),
    );
    const request = { key: name('last-fails'), expected };
    expect(await transferObject(context, request, new Map(), never)).toEqual(transferred(BYTES));
    expect(heldOf(context)).toEqual([0, 0, 0]);
    expect(gets).toBe(1);
    expect(operations('objects.insert.resumable')).toBe(etag === undefined ? 0 : 1);
    expect((await clouds.arrived(name('last-fails')))?.bytes.equals(body)).toBe(true);
  });
});
