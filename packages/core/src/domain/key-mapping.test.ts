import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SourceError } from './errors.ts';
import {
  cdnPath,
  compareUtf8,
  destinationName,
  dirKeyOf,
  encodeKeyPath,
  isNamelessRootMarker,
  normalizeRootPrefix,
  replaceKeyParts,
  subfolderPrefix,
} from './key-mapping.ts';

/** Code points that UTF-16 and UTF-8 order differently, between some that they do not. */
const collidingText = fc.string({
  unit: fc.constantFrom(
    'a',
    '/',
    '\u007F',
    'é',
    '\uD7FF',
    '\uE000',
    '\uFFFD',
    '\uFFFF',
    '\u{10000}',
    '😀',
    '\u{10FFFF}',
  ),
});

describe('root prefixes', () => {
  test('end in a slash unless they are empty', () => {
    expect(normalizeRootPrefix('')).toBe('');
    expect(normalizeRootPrefix('photos')).toBe('photos/');
    expect(normalizeRootPrefix('photos/')).toBe('photos/');
    expect(normalizeRootPrefix('a/b')).toBe('a/b/');
  });

  test('stand before the subfolder, and alone for the root itself', () => {
    expect(subfolderPrefix({ s3RootPrefix: 'photos/' }, '2019/')).toBe('photos/2019/');
    expect(subfolderPrefix({ s3RootPrefix: 'photos/' }, '')).toBe('photos/');
    expect(subfolderPrefix({ s3RootPrefix: '' }, '')).toBe('');
  });
});

describe('the GCS name', () => {
  test.each([
    ['', '', 'a/b', 'a/b'],
    ['photos/', '', 'photos/2019/a', '2019/a'],
    ['photos/', 'mirror/', 'photos/2019/a', 'mirror/2019/a'],
    ['', 'mirror/', '2019/a', 'mirror/2019/a'],
  ])('is the root %j replaced by %j: %j becomes %j', (s3RootPrefix, gcsRootPrefix, key, name) => {
    expect(destinationName({ s3RootPrefix, gcsRootPrefix }, key)).toBe(name);
  });

  test('loses the root once, and only at the start', () => {
    const settings = { s3RootPrefix: 'a/', gcsRootPrefix: '' };
    expect(destinationName(settings, 'a/a/a/x')).toBe('a/a/x');
    expect(destinationName(settings, 'a/b/a/x')).toBe('b/a/x');
  });

  test('keeps special characters, dot segments and empty segments', () => {
    const settings = { s3RootPrefix: 'r/', gcsRootPrefix: 'g/' };
    expect(destinationName(settings, 'r//./../a b+%20$&?#.txt')).toBe('g//./../a b+%20$&?#.txt');
  });

  test('does not exist for a key outside the root', () => {
    const settings = { s3RootPrefix: 'photos/', gcsRootPrefix: '' };
    for (const key of ['photos', 'photos-private/a', 'x/photos/a', '']) {
      expect(() => destinationName(settings, key)).toThrow(
        expect.objectContaining({ code: 'SOURCE_KEY_OUTSIDE_ROOT', retryable: false, source: key }),
      );
    }
    expect(() => destinationName(settings, 'x')).toThrow(SourceError);
  });
});

describe('the marker of the root folder', () => {
  const wholeBucket = { s3RootPrefix: 'photos/', gcsRootPrefix: '' };

  test('has no name where the destination is a whole bucket', () => {
    expect(isNamelessRootMarker(wholeBucket, { key: 'photos/', sizeBytes: 0 })).toBe(true);
  });

  test.each([
    ['it has content', wholeBucket, { key: 'photos/', sizeBytes: 1 }],
    ['it is that of a subfolder', wholeBucket, { key: 'photos/2019/', sizeBytes: 0 }],
    [
      'the destination has a folder for it',
      { ...wholeBucket, gcsRootPrefix: 'mirror/' },
      { key: 'photos/', sizeBytes: 0 },
    ],
  ])('is an object like any other where %s', (_reason, settings, object) => {
    expect(isNamelessRootMarker(settings, object)).toBe(false);
  });
});

describe('replace_key_parts', () => {
  test('replaces every occurrence, in the order given', () => {
    expect(replaceKeyParts('raw/x/raw/y', { 'raw/': '' })).toBe('x/y');
    expect(replaceKeyParts('a', { a: 'b', b: 'c' })).toBe('c');
    expect(replaceKeyParts('a', { b: 'c', a: 'b' })).toBe('b');
    expect(replaceKeyParts('untouched', {})).toBe('untouched');
  });

  test('takes both sides literally', () => {
    expect(replaceKeyParts('a.b+c', { '.b+': '$&' })).toBe('a$&c');
    expect(replaceKeyParts('price', { price: '$$1' })).toBe('$$1');
    expect(replaceKeyParts('x', { '.': '!' })).toBe('x');
  });

  test('alters the CDN path and never the GCS name', () => {
    const replacements = { 'raw/': 'cooked/' };
    expect(cdnPath('https://cdn.example/', 'raw/a', replacements)).toBe('/cooked/a');
    // The mapping does not even get to see them.
    expect(destinationName({ s3RootPrefix: '', gcsRootPrefix: '' }, 'raw/a')).toBe('raw/a');
  });
});

describe('the encoded path', () => {
  test.each([
    ['+', '%2B'],
    ['!', '%21'],
    ["'", '%27'],
    ['(', '%28'],
    [')', '%29'],
    ['*', '%2A'],
    ['#', '%23'],
    ['?', '%3F'],
    ['%', '%25'],
    ['%2F', '%252F'],
    [' ', '%20'],
    ['&$@=;:,', '%26%24%40%3D%3B%3A%2C'],
    ['"<>[]\\^`{|}', '%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D'],
    ['\n\0', '%0A%00'],
    ['é', '%C3%A9'],
    ['e\u0301', 'e%CC%81'],
    ['日', '%E6%97%A5'],
    ['😀', '%F0%9F%98%80'],
    ['AZaz09-_.~/', 'AZaz09-_.~/'],
  ])('of %j is %j', (key, encoded) => {
    expect(encodeKeyPath(key)).toBe(encoded);
  });

  test.each(['a/./b', 'a/../b', '../../b', 'a//b', '//', '.', '..', 'a/', '/a', ''])(
    'leaves the segments of %j alone',
    (key) => {
      expect(encodeKeyPath(key)).toBe(key);
    },
  );

  test('decodes to the key and holds nothing but unreserved characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        const encoded = encodeKeyPath(key);
        expect(decodeURIComponent(encoded)).toBe(key);
        expect(encoded).toMatch(/^(?:[A-Za-z0-9\-_.~/]|%[0-9A-F]{2})*$/);
      }),
    );
  });
});

describe('the CDN path', () => {
  test.each([
    ['https://d1.cloudfront.net/', 'a b', '/a%20b'],
    ['https://d1.cloudfront.net', 'a b', '/a%20b'],
    ['https://d1.cloudfront.net/mirror/', 'a', '/mirror/a'],
    ['http://127.0.0.1:8080/x/y/', '/a', '/x/y//a'],
    ['https://d1.cloudfront.net/', '../a', '/../a'],
    ['https://d1.cloudfront.net/pre%20fix/', 'a', '/pre%20fix/a'],
    ['https://d1.cloudfront.net/v', '1/a', '/v1/a'],
  ])('after %j for %j is %j', (hostPre, key, path) => {
    expect(cdnPath(hostPre, key, {})).toBe(path);
  });

  test('encodes what was put in by replacing', () => {
    expect(cdnPath('https://d1.cloudfront.net/', 'a/b', { '/': ' + ' })).toBe('/a%20%2B%20b');
  });
});

describe('the order of names', () => {
  test('is that of their UTF-8 bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(collidingText, fc.string({ unit: 'binary' })),
        fc.oneof(collidingText, fc.string()),
        (a, b) => {
          expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('puts what lies beyond U+FFFF last, where UTF-16 does not', () => {
    const names = ['\u{10000}', '\uE000', '\uFFFD', 'z', '\uD7FF', ''];
    expect(names.toSorted(compareUtf8)).toEqual(['', 'z', '\uD7FF', '\uE000', '\uFFFD', '\u{10000}']);
    expect(compareUtf8('a\u{10000}b', 'a\u{10000}b')).toBe(0);
    expect(compareUtf8('a', 'a\0')).toBeLessThan(0);
  });
});

test.each([
  ['photos/2019/a.jpg', '2019/'],
  ['photos/2019/summer/a.jpg', '2019/'],
  ['photos/a.jpg', ''],
  ['photos//a.jpg', '/'],
  ['photos/', ''],
])('the key %j belongs to the row %j', (key, dirKey) => {
  expect(dirKeyOf({ s3RootPrefix: 'photos/' }, key)).toBe(dirKey);
});
