import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { allowedName } from '@object-transfer/core/domain/object-name-rules';
import { Clouds, DESTINATION_BUCKET, never } from '../../fixtures/clouds.ts';
import { failedWith, transferOne, transferred } from './transfer-one.ts';

let clouds: Clouds;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
afterEach(() => clouds.heal());

function md5(body: string | Buffer): string {
  return createHash('md5').update(body).digest('hex');
}

function transfer(
  request: Parameters<typeof transferOne>[1],
  overrides?: Parameters<typeof transferOne>[2],
  found?: Parameters<typeof transferOne>[3],
): ReturnType<typeof transferOne> {
  return transferOne(clouds, request, overrides, found);
}

async function bytesAt(name: string): Promise<string | undefined> {
  return (await clouds.arrived(name))?.bytes.toString();
}

function occupy(name: string, bytes: string, metadata: Record<string, string> = {}): void {
  clouds.gcs.objects.put(DESTINATION_BUCKET, name, bytes, { metadata });
}

describe('a name that is taken', () => {
  test('by the same bytes is skipped, known beforehand or not', async () => {
    const expected = clouds.put('same', 'abc');
    occupy('same', 'abc');
    expect(await transfer({ key: 'same', expected })).toEqual({ status: 'skipped' });
    const found = await clouds.transferContext().destination.stat('same', never);
    const gets = clouds.cdn.stats.requests;
    expect(await transfer({ key: 'same', expected }, {}, found === undefined ? [] : [found])).toEqual({
      status: 'skipped',
    });
    expect(clouds.cdn.stats.requests).toBe(gets);
  });

  test('by the same bytes without proof is read, skipped, and proven and described from then on', async () => {
    const expected = clouds.put('proof', 'abc', {
      etag: `${md5('abc')}-1`,
      lastModifiedMs: 7_000,
      attributes: { contentType: 'text/x-proof', cacheControl: 'no-store', userMetadata: { author: 'Zoë' } },
    });
    occupy('proof', 'abc', { mine: 'kept' });
    expect(await transfer({ key: 'proof', expected })).toEqual({ status: 'skipped' });
    expect((await clouds.arrived('proof'))?.resource).toMatchObject({
      contentType: 'text/x-proof',
      cacheControl: 'no-store',
      metadata: {
        mine: 'kept',
        author: 'Zoë',
        'x-goog-source-etag': expected.etag,
        'goog-reserved-file-mtime': '7',
      },
    });
    expect(clouds.gcs.stats.uploads(DESTINATION_BUCKET).has('proof')).toBe(false);
  });

  test('by other bytes is overwritten', async () => {
    const expected = clouds.put('other', 'abc');
    occupy('other', 'xyz');
    expect(await transfer({ key: 'other', expected })).toEqual(transferred(3));
    expect(await bytesAt('other')).toBe('abc');
  });

  test('by other bytes is left alone under the policy never', async () => {
    const expected = clouds.put('never', 'abc');
    occupy('never', 'xyz');
    expect(await transfer({ key: 'never', expected }, { overwrite: 'never' })).toEqual({ status: 'skipped' });
    expect(await bytesAt('never')).toBe('xyz');
  });

  test('by the same bytes is written again under the policy always', async () => {
    const expected = clouds.put('always', 'abc');
    occupy('always', 'abc', { 'x-goog-source-etag': expected.etag });
    expect(await transfer({ key: 'always', expected }, { overwrite: 'always' })).toEqual(transferred(3));
    expect(clouds.gcs.stats.uploads(DESTINATION_BUCKET).get('always')).toBe(1);
  });

  test('between looking and writing is looked at again, never overwritten blindly', async () => {
    const expected = clouds.put('race', 'abc');
    occupy('race', 'old');
    const found = await clouds.transferContext().destination.stat('race', never);
    occupy('race', 'abc', { 'x-goog-source-etag': expected.etag });
    expect(await transfer({ key: 'race', expected }, {}, found === undefined ? [] : [found])).toEqual({
      status: 'skipped',
    });
  });
});

describe('a name that GCS forbids', () => {
  test('fails before any byte moves', async () => {
    const key = 'line\nfeed';
    const expected = clouds.put(key, 'abc');
    const requests = clouds.cdn.stats.requests;
    expect(await transfer({ key, expected })).toEqual(failedWith('DESTINATION_NAME_FORBIDDEN'));
    expect(clouds.cdn.stats.requests).toBe(requests);
  });

  test('is changed where the policy says so', async () => {
    const key = 'line\nfeed';
    const expected = clouds.put(key, 'abc');
    expect(await transfer({ key, expected }, { namePolicy: 'rename' })).toEqual(transferred(3));
    const { name } = allowedName(key, 'rename', key);
    expect(name).toMatch(/^line%0Afeed~[0-9a-f]{8}$/);
    expect(await bytesAt(name)).toBe('abc');
  });
});
