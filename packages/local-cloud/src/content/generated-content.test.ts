import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { StoredObject } from './content-store.ts';
import { GeneratedContent } from './generated-content.ts';

const MIB = 1024 * 1024;

describe('generated content', () => {
  it('numbers keys so that their order is the order of the bytes', () => {
    const content = new GeneratedContent({ count: 1234, sizesBytes: [1], keyPrefix: 'p/', objectsPerFolder: 100 });
    const keys: string[] = [];
    for (const cursor = content.cursor(''); cursor.key !== undefined; cursor.advance()) keys.push(cursor.key);
    expect(keys).toHaveLength(1234);
    expect(keys.toSorted()).toEqual(keys);
    expect(keys.at(-1)).toBe('p/folder-12/object-1233.bin');
    expect(content.cursor('p/folder-05/').key).toBe('p/folder-05/object-0500.bin');
    expect(content.cursor('q').key).toBeUndefined();
  });

  it('knows only its own keys', () => {
    const content = new GeneratedContent({ count: 20, sizesBytes: [1], objectsPerFolder: 0 });
    expect(content.stat('object-19.bin')?.size).toBe(1);
    for (const key of [
      'object-20.bin',
      'object-019.bin',
      'object-1.bin',
      'object--1.bin',
      '.bin',
      '',
      'x/object-19.bin',
    ]) {
      expect(content.stat(key)).toBeUndefined();
    }
  });

  it('gives the MD5 of the bytes as the ETag, up to 8 MiB', async () => {
    const content = new GeneratedContent({ count: 4, sizesBytes: [0, 10, 3 * MIB, 8 * MIB + 1], objectsPerFolder: 0 });
    for (const index of [0, 1, 2]) {
      const object = content.stat(`object-${index}.bin`);
      expect(object?.etag).toBe(
        createHash('md5')
          .update(await read(object))
          .digest('hex'),
      );
    }
    expect(content.stat('object-3.bin')?.etag).toMatch(/^[0-9a-f]{32}-2$/);
  });

  it('gives the same bytes for the same seed, others for another seed or object', async () => {
    expect(await bytesOfSeed('a', 1)).toEqual(await bytesOfSeed('a', 1));
    expect(await bytesOfSeed('a', 1)).not.toEqual(await bytesOfSeed('b', 1));
    expect(await bytesOfSeed('a', 1)).not.toEqual(await bytesOfSeed('a', 2));
  });

  it('gives any range as the whole has it, and different parts of a size', async () => {
    const object = new GeneratedContent({ count: 1, sizesBytes: [20 * MIB], objectsPerFolder: 0 }).stat('object-0.bin');
    const whole = await read(object);
    expect(whole).toHaveLength(20 * MIB);
    const [offset, length] = [8 * MIB - 7, 2 * MIB + 13];
    expect((await read(object, offset, length)).equals(whole.subarray(offset, offset + length))).toBe(true);
    expect(whole.subarray(0, 8 * MIB).equals(whole.subarray(8 * MIB, 16 * MIB))).toBe(false);
  });

  it('has room for a million objects of many GiB', () => {
    const content = new GeneratedContent({ count: 1_000_000, sizesBytes: [2 ** 40] });
    expect(content.cursor('folder-999/').stat()?.valueOf()).toMatchObject({ size: 2 ** 40 });
  });

  it.each([
    { count: -1, sizesBytes: [1] },
    { count: 1, sizesBytes: [] },
    { count: 1, sizesBytes: [0.5] },
  ])('refuses %j', (options) => {
    expect(() => new GeneratedContent(options)).toThrow(RangeError);
  });
});

async function read(object: StoredObject | undefined, offset = 0, length = object?.size ?? 0): Promise<Buffer> {
  const body = object?.open(offset, length) ?? new Uint8Array();
  return body instanceof Uint8Array ? Buffer.from(body) : buffer(body);
}

function bytesOfSeed(seed: string, index: number): Promise<Buffer> {
  const content = new GeneratedContent({ count: 9, sizesBytes: [99], objectsPerFolder: 0, seed });
  return read(content.stat(`object-${index}.bin`));
}
