import { expect, test } from 'vitest';
import { hasMd5EtagForm, isArchivedStorageClass, parseEtag } from './source-object.ts';

test.each([
  ['"abc"', 'abc', false],
  ['W/"abc"', 'abc', true],
  ['abc', 'abc', false],
  ['""', '', false],
  ['"', '"', false],
  ['"abc-3"', 'abc-3', false],
])('the ETag %s is %j, weak: %j', (header, etag, weak) => {
  expect(parseEtag(header)).toEqual({ etag, weak });
});

test('an MD5 is 32 lower-case hexadecimal digits', () => {
  expect(hasMd5EtagForm('d41d8cd98f00b204e9800998ecf8427e')).toBe(true);
  for (const etag of [
    '',
    'd41d8cd98f00b204e9800998ecf8427e-2',
    'D41D8CD98F00B204E9800998ECF8427E',
    'd41d8cd98f00b204',
  ]) {
    expect(hasMd5EtagForm(etag)).toBe(false);
  }
});

test('only what has to be restored first is archived', () => {
  expect(['GLACIER', 'DEEP_ARCHIVE'].every(isArchivedStorageClass)).toBe(true);
  expect(['STANDARD', 'STANDARD_IA', 'GLACIER_IR', 'INTELLIGENT_TIERING'].some(isArchivedStorageClass)).toBe(false);
});
