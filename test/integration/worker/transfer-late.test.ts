import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { SOURCE_ETAG_METADATA } from '@object-transfer/core/domain/destination-object';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import { Clouds, DESTINATION_BUCKET, never } from '../../fixtures/clouds.ts';
import { failedWith, transferOne, transferred } from './transfer-one.ts';

let clouds: Clouds;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
afterEach(() => clouds.heal());

/** The first version of an object, which the CDN still has, as it was listed. */
async function cachedFirst(key: string): Promise<ExpectedObject> {
  const listed = clouds.put(key, 'first');
  const headers = { 'accept-encoding': 'identity' };
  await (await fetch(`${clouds.cdn.url}/${key}`, { headers })).arrayBuffer();
  return listed;
}

/** Puts a version to the destination, as a transfer would. */
async function arrive(key: string, body: string, etag: string): Promise<readonly DestinationObject[]> {
  const metadata = { [SOURCE_ETAG_METADATA]: etag };
  clouds.gcs.objects.put(DESTINATION_BUCKET, key, body, { metadata });
  const found = await clouds.transferContext().destination.stat(key, never);
  return found === undefined ? [] : [found];
}

async function bytesAt(key: string): Promise<string | undefined> {
  return (await clouds.arrived(key))?.bytes.toString();
}

describe('a message that is delivered when a newer version has arrived, while the CDN has the older one', () => {
  test('overwrites nothing', async () => {
    const expected = await cachedFirst('late');
    const { etag } = clouds.put('late', 'second');
    const found = await arrive('late', 'second', etag);
    expect(await transferOne(clouds, { key: 'late', expected }, {}, found)).toEqual({ status: 'skipped' });
    expect(await bytesAt('late')).toBe('second');
  });

  test('overwrites nothing where that comes to light when it is written', async () => {
    const expected = await cachedFirst('race');
    const { etag } = clouds.put('race', 'second');
    await arrive('race', 'second', etag);
    expect(await transferOne(clouds, { key: 'race', expected })).toEqual({ status: 'skipped' });
    expect(await bytesAt('race')).toBe('second');
  });

  test('brings what is at the source now where that is another one still', async () => {
    const expected = await cachedFirst('moved-on');
    const { etag } = clouds.put('moved-on', 'second');
    clouds.put('moved-on', 'the third');
    const found = await arrive('moved-on', 'second', etag);
    expect(await transferOne(clouds, { key: 'moved-on', expected }, {}, found)).toEqual(
      transferred(9, { changed: true, route: 'cdn-past-cache' }),
    );
    expect(await bytesAt('moved-on')).toBe('the third');
  });

  test('fails where the source has none any more, and leaves what is there', async () => {
    const expected = await cachedFirst('gone');
    const { etag } = clouds.put('gone', 'second');
    clouds.source.delete('gone');
    const found = await arrive('gone', 'second', etag);
    expect(await transferOne(clouds, { key: 'gone', expected }, {}, found)).toEqual(failedWith('SOURCE_NOT_FOUND'));
    expect(await bytesAt('gone')).toBe('second');
  });
});

test('a newer version overwrites an older one, at the price of one question', async () => {
  const { etag } = clouds.put('updated', 'first');
  const found = await arrive('updated', 'first', etag);
  const expected = clouds.put('updated', 'second');
  const heads: string[] = [];
  clouds.break('s3', ({ method, url = '' }) => {
    if (method === 'HEAD') heads.push(url);
    return false;
  });
  expect(await transferOne(clouds, { key: 'updated', expected }, {}, found)).toEqual(transferred(6));
  expect(await bytesAt('updated')).toBe('second');
  expect(heads).toHaveLength(1);
});
