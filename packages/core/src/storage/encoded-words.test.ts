import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEncodedWords } from './encoded-words.ts';

test.each([
  ['plain text', 'plain text'],
  ['=?UTF-8?B?w7xtbMOkdXQ=?=', 'ümläut'],
  ['=?utf-8?q?=C3=BCml=C3=A4ut_here?=', 'ümläut here'],
  ['=?ISO-8859-1?Q?=FC?=', 'ü'],
  ['before =?UTF-8?B?w7w=?= after', 'before ü after'],
  ['=?UTF-8?B?w7w=?= =?UTF-8?B?w7w=?=', 'üü'],
  ['=?UTF-8?B?w7w=?= and =?UTF-8?B?w7w=?=', 'ü and ü'],
])('%j is %j', (encoded, decoded) => {
  expect(decodeEncodedWords(encoded)).toBe(decoded);
});

test('a character may be spread over two words', () => {
  expect(decodeEncodedWords('=?UTF-8?Q?=C3?= =?UTF-8?Q?=BC?=')).toBe('ü');
});

test.each(['=?UTF-8?B?/w==?=', '=?KOI8-R?B?w7w=?=', '=?not a word?=', '=?UTF-8?X?abc?='])(
  '%j cannot be decoded and stays',
  (text) => {
    expect(decodeEncodedWords(text)).toBe(text);
  },
);

test('whatever S3 encodes comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const encoded = `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
      expect(decodeEncodedWords(encoded)).toBe(text);
    }),
  );
});
