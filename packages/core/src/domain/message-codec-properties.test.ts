import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageError } from './errors.ts';
import {
  decodeObjectMessage,
  decodeSubfolderMessage,
  encodeKeysMessage,
  encodeObjectMessage,
  encodeSubfolderMessage,
  type MessageObject,
} from './message-codec.ts';

/** What S3 can have for a key and what JSON, JavaScript or a file system takes for something else. */
const hostileKey = fc.oneof(
  fc.constantFrom(
    '\0',
    'nul\0inside',
    'caf\u00e9',
    'cafe\u0301',
    '\u212b',
    '\u00c5',
    '\uff0f',
    '\ufeffmark',
    '\u2028\u2029',
    '"],["',
    '\\u0000',
    '\\',
    '[]',
    'null',
    '__proto__',
    'constructor',
    '..',
    '//',
    'x'.repeat(1024),
    '\u{1F600}'.repeat(256),
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40, size: 'max' }),
);
const hostileDir = fc.oneof(
  fc.constant(''),
  hostileKey.map((key) => `${key}/`),
);
const object = fc.record({ key: hostileKey, sizeBytes: fc.maxSafeNat(), etag: fc.string({ minLength: 1 }) });
const objects = fc.array(object, { minLength: 1, maxLength: 8 });

/** A document, and how much of it is hurt where: a span is left out, and something else stands there. */
const wound = fc.record({ at: fc.nat(), length: fc.nat({ max: 12 }), text: fc.string({ maxLength: 3 }) });
function hurt(text: string, { at, length, text: other }: { at: number; length: number; text: string }): string {
  const start = at % (text.length + 1);
  return text.slice(0, start) + other + text.slice(start + length);
}

/** @returns `undefined` for a poison message; anything else that is thrown goes on */
function unlessPoison<T>(decode: (data: string) => T, data: string): T | undefined {
  try {
    return decode(data);
  } catch (error) {
    if (error instanceof MessageError && error.code === 'MESSAGE_MALFORMED' && !error.retryable) return undefined;
    throw error;
  }
}

/**
 * Whatever is taken for a message can be worked on: its names have a UTF-8 form, and its numbers are sizes.
 * @returns what of it cannot
 */
function flawsOf(data: string): readonly unknown[] {
  const found = unlessPoison(decodeObjectMessage, data)?.objects ?? [undefined];
  const dirs = unlessPoison(decodeSubfolderMessage, data)?.dirs ?? [''];
  const flawed = found.filter((each) => each !== undefined && !isSound(each));
  const empty = [found, dirs].filter((list) => list.length === 0);
  return [...flawed, ...empty, ...dirs.filter((dir) => !dir.isWellFormed())];
}

function isSound({ key, expected }: MessageObject): boolean {
  if (!key.isWellFormed() || key === '') return false;
  if (expected === undefined) return true;
  const { sizeBytes, etag } = expected;
  return expected.key === key && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 && etag !== '';
}

describe('what arrives', () => {
  test('is a message or poison, whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), (bytes) => {
        expect(flawsOf(Buffer.from(bytes).toString())).toEqual([]);
      }),
    );
  });

  test('is a message or poison where a message was hurt on its way', () => {
    const encoded = fc.oneof(
      fc.tuple(hostileDir, objects).map(([dir, list]) => encodeObjectMessage(dir, list)),
      fc.array(hostileKey, { minLength: 1 }).map((keys) => encodeKeysMessage(keys)),
      fc.array(hostileDir, { minLength: 1 }).map((dirs) => encodeSubfolderMessage(dirs)),
    );
    fc.assert(
      fc.property(encoded, wound, (data, how) => {
        expect(flawsOf(hurt(data, how))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('is a message or poison where the shape is almost right', () => {
    const odd = fc.oneof(fc.string(), fc.double(), fc.constantFrom(null, true, -0, [], {}, [['a']]), fc.constant(1));
    const almost = fc.oneof(
      fc.record(
        { v: fc.oneof(fc.constant(2), odd), dir: odd, objects: fc.array(fc.record({ k: odd, s: odd, e: odd })) },
        { requiredKeys: [] },
      ),
      fc.record({ v: fc.constant(2), dirs: fc.oneof(odd, fc.array(odd)) }),
      fc.array(fc.oneof(odd, fc.array(odd))),
    );
    fc.assert(
      fc.property(almost, (shape) => {
        expect(flawsOf(JSON.stringify(shape))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['lists', (depth: number) => '['.repeat(depth) + ']'.repeat(depth)],
    ['maps', (depth: number) => `${'{"v":2,"dir":"","objects":'.repeat(depth)}1${'}'.repeat(depth)}`],
  ])('is poison where it is nothing but %s within each other', (_, nest) => {
    expect(unlessPoison(decodeObjectMessage, nest(100_000))).toBeUndefined();
    expect(unlessPoison(decodeSubfolderMessage, nest(100_000))).toBeUndefined();
  });
});

describe('what is sent', () => {
  test('comes back as it was, key for key and byte for byte', () => {
    fc.assert(
      fc.property(hostileDir, objects, (dir, list) => {
        const { dir: back, objects: decoded } = decodeObjectMessage(encodeObjectMessage(dir, list));
        expect(Buffer.from(back ?? '-')).toEqual(Buffer.from(dir));
        expect(decoded).toEqual(list.map((each) => ({ key: each.key, expected: each })));
      }),
    );
  });

  test('as the array of the reference tool comes back in either of its forms', () => {
    fc.assert(
      fc.property(fc.array(hostileKey, { minLength: 1, maxLength: 8 }), (keys) => {
        for (const data of [encodeKeysMessage(keys), JSON.stringify([keys])]) {
          expect(decodeObjectMessage(data)).toEqual({
            dir: undefined,
            objects: keys.map((key) => ({ key, expected: undefined })),
          });
          expect(decodeSubfolderMessage(data)).toEqual({ dirs: keys });
        }
      }),
    );
  });

  test('is poison where a name holds half a surrogate pair, which no key does', () => {
    const half = fc
      .tuple(fc.string(), fc.integer({ min: 0xd800, max: 0xdfff }))
      .map(([before, unit]) => before + String.fromCharCode(unit));
    fc.assert(
      fc.property(half, object, (key, sound) => {
        const list = [sound, { ...sound, key }];
        expect(unlessPoison(decodeObjectMessage, encodeObjectMessage('', list))).toBeUndefined();
        expect(unlessPoison(decodeObjectMessage, encodeObjectMessage(key, [sound]))).toBeUndefined();
        expect(unlessPoison(decodeObjectMessage, encodeKeysMessage([sound.key, key]))).toBeUndefined();
        expect(unlessPoison(decodeSubfolderMessage, encodeSubfolderMessage([key]))).toBeUndefined();
      }),
    );
  });
});
