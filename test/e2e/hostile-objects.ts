import { gzipSync } from 'node:zlib';
import type { ObjectAttributes } from '@object-transfer/local-cloud/content/content-store';

/** Legal in S3 and in GCS, and mangled by somebody: clients, proxies, URL parsers, file systems, shells. */
const HOSTILE_KEYS: readonly string[] = [
  'root-level',
  'with space/and  two /three   .txt',
  ' leading and trailing ',
  'plus+sign/a+b',
  'hash#tag/#',
  'question?mark/?a=b&c=d',
  'percent%20literal/%2F/%/%zz',
  'ampersand&semi;colon=equals',
  `single'quote/it's`,
  `double"quote/"`,
  'back`tick$(x)${y}',
  'star*/**/[brackets]/{braces}/!(parens)~^|@:,',
  'back\\slash/..\\..\\x',
  '<xml>&amp;]]>',
  'double//slash///three',
  '/leading-slash',
  '//',
  'dot/./segment/.',
  'dots/../../segment/..',
  '../above',
  './here',
  'folder/',
  'folder/trailing/',
  'nfc-\u00e9/\u00e9',
  'nfd-e\u0301/e\u0301',
  'emoji-😀/👩‍👩‍👧',
  'rtl-\u202eabc',
  'private-use-\ue000/x',
  'last-of-plane-\uffff/x',
  'last-of-all-\u{10ffff}/x',
  'case/Object',
  'case/object',
  'CASE/object',
  'Case/object',
  'control-\u0001\u001f\u007f\t/x',
  'PRE archive-1/x',
  '-dash',
  'null',
  `long/${'k'.repeat(996)}${'é'.repeat(11)}x`,
];

/** Why GCS takes none of them: line breaks, and names that mean something else. */
export const FORBIDDEN_KEYS: readonly string[] = [
  '.',
  '..',
  '.well-known/acme-challenge/token',
  'carriage\rreturn',
  'line\nfeed/x',
];

/** Whatever S3 keeps beside the bytes. */
export const RICH_ATTRIBUTES: ObjectAttributes = {
  contentType: 'text/html; charset=utf-8',
  cacheControl: 'public, max-age=60',
  contentDisposition: `attachment; filename="a b.html"; filename*=UTF-8''%C3%A4.html`,
  contentLanguage: 'de-AT, en',
  contentEncoding: 'gzip',
  userMetadata: {
    author: 'somebody',
    'with-dash': 'a=b; c="d"',
    umlaut: 'Größe: 1 µm',
    emoji: '😀 nfd e\u0301',
    empty: '',
  },
};

export const RICH_KEY = 'rich/page.html';
export const RICH_CONTENT = gzipSync('<p>compressed at the source</p>');

/** Hostile keys with content of their own, some of it empty: bytes by key. */
export function hostileObjects(): Map<string, Buffer> {
  const contents = new Map(HOSTILE_KEYS.map((key, index) => [key, Buffer.from(`${index}\r\n${key}`)]));
  for (const key of ['empty', 'folder/', 'folder/trailing/', '//']) contents.set(key, Buffer.alloc(0));
  contents.set('bytes', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
  return contents;
}
