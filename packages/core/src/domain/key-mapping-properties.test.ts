import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cdnPath,
  compareUtf8,
  destinationName,
  dirKeyOf,
  encodeKeyPath,
  normalizeRootPrefix,
  replaceKeyParts,
  subfolderPrefix,
} from './key-mapping.ts';

/** Text in which slashes, dots and what URLs are made of are no rarities. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('/', '.', '%', '+', '2', 'F', '?', '#', '$', '&', ' ', '\0', 'é', '\u{1F600}'),
    unit(),
  ),
  maxLength: 24,
  size: 'max',
});
const root = text.map(normalizeRootPrefix);

function unit(): fc.Arbitrary<string> {
  return fc.string({ unit: 'binary', minLength: 1, maxLength: 1 });
}

test('two keys have two GCS names, which tell the key again', () => {
  fc.assert(
    fc.property(root, root, text, text, fc.boolean(), (s3RootPrefix, gcsRootPrefix, a, rest, again) => {
      const settings = { s3RootPrefix, gcsRootPrefix };
      // The root may come again further on.
      const b = again ? s3RootPrefix + a : rest;
      const name = destinationName(settings, s3RootPrefix + a);
      expect(destinationName(settings, s3RootPrefix + b) === name).toBe(a === b);
      expect(destinationName({ s3RootPrefix: gcsRootPrefix, gcsRootPrefix: s3RootPrefix }, name)).toBe(
        s3RootPrefix + a,
      );
    }),
  );
});

test('GCS names are in the order of the keys, so that two listings can be compared as they come', () => {
  fc.assert(
    fc.property(root, root, text, text, (s3RootPrefix, gcsRootPrefix, a, b) => {
      const name = (rest: string) => destinationName({ s3RootPrefix, gcsRootPrefix }, s3RootPrefix + rest);
      expect(Math.sign(compareUtf8(name(a), name(b)))).toBe(Math.sign(compareUtf8(s3RootPrefix + a, s3RootPrefix + b)));
    }),
  );
});

test('a key lies in the row that it belongs to, and in no other one of its depth', () => {
  fc.assert(
    fc.property(root, text, (s3RootPrefix, rest) => {
      const key = s3RootPrefix + rest;
      const dirKey = dirKeyOf({ s3RootPrefix }, key);
      expect(key.startsWith(subfolderPrefix({ s3RootPrefix }, dirKey))).toBe(true);
      expect(dirKey === '' ? !rest.includes('/') : dirKey.indexOf('/') === dirKey.length - 1).toBe(true);
    }),
  );
});

test('a CDN path holds the key once it is decoded, and nothing that a server would read otherwise', () => {
  const host = fc.constantFrom('https://d1.cloudfront.net', 'https://d1.cloudfront.net/', 'http://127.0.0.1:80/a/b/');
  fc.assert(
    fc.property(host, text, (hostPre, key) => {
      const path = cdnPath(hostPre, key, {});
      const base = hostPre.endsWith('/b/') ? '/a/b/' : '/';
      expect(path.startsWith(base)).toBe(true);
      expect(path.slice(base.length)).toBe(encodeKeyPath(key));
      expect(decodeURIComponent(path.slice(base.length))).toBe(key);
      // Two keys that are decoded twice, or with a plus sign for a space, would be one.
      expect(path).toMatch(/^(?:[A-Za-z0-9\-_.~/]|%[0-9A-F]{2})*$/);
    }),
  );
});

test('the parts of a key are replaced as a text editor would, whatever is in them', () => {
  const part = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '$', '&', '\\', '.', '*', '1'),
    minLength: 1,
    maxLength: 3,
  });
  const special = fc.constantFrom('$&', '$$', '$1', '$`', "$'");
  fc.assert(
    fc.property(text, fc.array(fc.tuple(part, fc.oneof(part, special)), { maxLength: 4 }), (rest, pairs) => {
      // Names that are numbers would not keep their place in an object.
      const entries = [...new Map(pairs.filter(([from]) => !/^\d+$/.test(from)))];
      const key = `${rest}ab/a.b$&`;
      const expected = entries.reduce((changed, [from, to]) => changed.split(from).join(to), key);
      expect(replaceKeyParts(key, Object.fromEntries(entries))).toBe(expected);
    }),
  );
});
