import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageError } from './errors.ts';
import {
  decodeObjectMessage,
  decodeSubfolderMessage,
  encodeKeyMessage,
  encodeObjectMessage,
  encodeSubfolderMessage,
  MAX_MESSAGE_BYTES,
} from './message-codec.ts';
import type { ExpectedObject } from './source-object.ts';

const expectedObject = fc.record({
  key: fc.string({ unit: 'binary', minLength: 1 }),
  sizeBytes: fc.maxSafeNat(),
  etag: fc.string({ minLength: 1 }),
});

/** The code of what is thrown: `undefined` for nothing, `other` for anything but a final MessageError. */
function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof MessageError && !error.retryable ? error.code : 'other';
  }
}

describe('object messages', () => {
  test('are written in the documented shape', () => {
    const objects = [{ key: 'photos/2019/a b.jpg', sizeBytes: 0, etag: 'd41d8cd98f00b204e9800998ecf8427e' }];
    expect(JSON.parse(encodeObjectMessage('photos/2019/', objects))).toEqual({
      v: 2,
      dir: 'photos/2019/',
      objects: [{ k: 'photos/2019/a b.jpg', s: 0, e: 'd41d8cd98f00b204e9800998ecf8427e' }],
    });
  });

  test('come back as they were sent, whatever is in the keys', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(expectedObject, { minLength: 1, maxLength: 20 }),
        (dir, objects) => {
          const decoded = decodeObjectMessage(encodeObjectMessage(dir, objects));
          expect(decoded.dir).toBe(dir);
          expect(decoded.objects).toEqual(objects.map((o) => ({ key: o.key, expected: o })));
        },
      ),
    );
  });

  test('of the reference tool hold keys without size and ETag', () => {
    const wanted = {
      dir: undefined,
      objects: [
        { key: 'a/1', expected: undefined },
        { key: 'a/2', expected: undefined },
      ],
    };
    expect(decodeObjectMessage('["a/1","a/2"]')).toEqual(wanted);
    expect(decodeObjectMessage('[["a/1","a/2"]]')).toEqual(wanted);
  });

  test('for a single unknown object are of the shape that the reference tool reads', () => {
    const message = encodeKeyMessage('a/"quoted"\n.txt');
    expect(JSON.parse(message)).toEqual(['a/"quoted"\n.txt']);
    expect(decodeObjectMessage(message).objects).toEqual([{ key: 'a/"quoted"\n.txt', expected: undefined }]);
  });

  test('are the array of the reference tool where that is asked for', () => {
    const objects = ['a/1', 'a/2'].map((key) => ({ key, sizeBytes: 1, etag: 'e' }));
    expect(encodeObjectMessage('a/', objects, 'reference')).toBe('["a/1","a/2"]');
    expect(encodeSubfolderMessage(['a/', 'b/'], 'reference')).toBe('["a/","b/"]');
    expect(decodeSubfolderMessage('["a/","b/"]').dirs).toEqual(['a/', 'b/']);
  });

  test('may carry fields that a later version adds', () => {
    const message = '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":1,"e":"x","new":true}],"new":true}';
    expect(decodeObjectMessage(message).objects).toEqual([
      { key: 'a/1', expected: { key: 'a/1', sizeBytes: 1, etag: 'x' } },
    ]);
  });
});

describe('subfolder messages', () => {
  test('are written in the documented shape', () => {
    expect(JSON.parse(encodeSubfolderMessage(['photos/2019/']))).toEqual({ v: 2, dirs: ['photos/2019/'] });
  });

  test('come back as they were sent, the root itself included', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (dirs) => {
        expect(decodeSubfolderMessage(encodeSubfolderMessage(dirs))).toEqual({ dirs });
      }),
    );
    expect(decodeSubfolderMessage(encodeSubfolderMessage(['']))).toEqual({ dirs: [''] });
  });

  test('of the reference tool are read in both shapes', () => {
    expect(decodeSubfolderMessage('["a/","b/"]')).toEqual({ dirs: ['a/', 'b/'] });
    expect(decodeSubfolderMessage('[["a/","b/"]]')).toEqual({ dirs: ['a/', 'b/'] });
  });
});

const POISON_FOR_BOTH = [
  '',
  'a/1',
  '{',
  'null',
  '7',
  'true',
  '"a/1"',
  '{}',
  '[]',
  '[[]]',
  '[[[]]]',
  '[[["a"]]]',
  '[["a"],["b"]]',
  '["a",["b"]]',
  '["a",1]',
  '[null]',
  '[{"k":"a","s":1,"e":"x"}]',
  '[""]',
  '["a",""]',
  String.raw`["\ud800"]`,
  '{"v":1,"dir":"a/","objects":[{"k":"a/1","s":1,"e":"x"}],"dirs":["a/"]}',
  '{"v":3,"dir":"a/","objects":[{"k":"a/1","s":1,"e":"x"}],"dirs":["a/"]}',
  '{"v":"2","dir":"a/","objects":[{"k":"a/1","s":1,"e":"x"}],"dirs":["a/"]}',
  '{"dir":"a/","objects":[{"k":"a/1","s":1,"e":"x"}],"dirs":["a/"]}',
];
const POISON_OBJECTS = [
  '{"v":2,"dirs":["a/"]}',
  '{"v":2,"objects":[{"k":"a/1","s":1,"e":"x"}]}',
  '{"v":2,"dir":null,"objects":[{"k":"a/1","s":1,"e":"x"}]}',
  '{"v":2,"dir":"a/"}',
  '{"v":2,"dir":"a/","objects":[]}',
  '{"v":2,"dir":"a/","objects":{"k":"a/1","s":1,"e":"x"}}',
  '{"v":2,"dir":"a/","objects":["a/1"]}',
  '{"v":2,"dir":"a/","objects":[{"k":"","s":1,"e":"x"}]}',
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":-1,"e":"x"}]}',
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":1.5,"e":"x"}]}',
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":1e300,"e":"x"}]}',
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":"1","e":"x"}]}',
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":1,"e":""}]}',
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":1}]}',
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":1,"e":"x"},{"k":"a/2"}]}',
  String.raw`{"v":2,"dir":"a/","objects":[{"k":"a/\udc00","s":1,"e":"x"}]}`,
];
const POISON_SUBFOLDERS = [
  '{"v":2,"dir":"a/","objects":[{"k":"a/1","s":1,"e":"x"}]}',
  '{"v":2,"dirs":[]}',
  '{"v":2,"dirs":"a/"}',
  '{"v":2,"dirs":[1]}',
  String.raw`{"v":2,"dirs":["\ud800/"]}`,
];

describe('poison', () => {
  test.each([...POISON_FOR_BOTH, ...POISON_OBJECTS])('is refused as an object message: %s', (data) => {
    expect(codeOf(() => decodeObjectMessage(data))).toBe('MESSAGE_MALFORMED');
  });

  test.each([...POISON_FOR_BOTH, ...POISON_SUBFOLDERS])('is refused as a subfolder message: %s', (data) => {
    expect(codeOf(() => decodeSubfolderMessage(data))).toBe('MESSAGE_MALFORMED');
  });

  test('of any kind is a MessageError and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (data) => {
        for (const decode of [decodeObjectMessage, decodeSubfolderMessage]) {
          expect([undefined, 'MESSAGE_MALFORMED']).toContain(codeOf(() => decode(data)));
        }
      }),
    );
  });

  test('says in one line where it is wrong', () => {
    const data = JSON.stringify({ v: 2, objects: [{ k: 'a/1', s: -1, e: 'x' }] });
    expect(() => decodeObjectMessage(data)).toThrow(/^malformed message: dir: [^\n;]+; objects\.0\.s: [^\n;]+$/);
  });

  test('of thousands of wrong objects has a reason that a dead letter can carry', () => {
    const data = JSON.stringify({ v: 2, dir: '', objects: Array.from({ length: 10_000 }, () => ({})) });
    expect(() => decodeObjectMessage(data)).toThrow(/^malformed message: .{10,600}$/);
  });
});

function objectOfLength(length: number): ExpectedObject {
  return { key: 'k'.repeat(length), sizeBytes: 1, etag: 'e' };
}

describe('the byte limit', () => {
  const overhead = encodeObjectMessage('', [objectOfLength(1)]).length - 1;

  test('lets the last byte through and not the next', () => {
    const largest = MAX_MESSAGE_BYTES - overhead;
    expect(encodeObjectMessage('', [objectOfLength(largest)])).toHaveLength(MAX_MESSAGE_BYTES);
    expect(codeOf(() => encodeObjectMessage('', [objectOfLength(largest + 1)]))).toBe('MESSAGE_TOO_LARGE');
  });

  test('counts bytes, not characters', () => {
    const dirs = ['ü'.repeat(MAX_MESSAGE_BYTES / 2)];
    expect(codeOf(() => encodeSubfolderMessage(dirs))).toBe('MESSAGE_TOO_LARGE');
    expect(codeOf(() => encodeKeyMessage('ü'.repeat(MAX_MESSAGE_BYTES / 2)))).toBe('MESSAGE_TOO_LARGE');
    expect(codeOf(() => encodeKeyMessage('u'.repeat(MAX_MESSAGE_BYTES / 2)))).toBeUndefined();
  });
});
