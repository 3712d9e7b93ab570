import { expect, it } from 'vitest';
import { parseUploadRange } from './content-range.ts';
import { GcsError } from './gcs-error.ts';

it.each([
  [undefined, { kind: 'bytes', start: 0, end: undefined, totalBytes: undefined }],
  ['bytes */*', { kind: 'status', totalBytes: undefined }],
  ['bytes */0', { kind: 'status', totalBytes: 0 }],
  ['bytes 0-262143/*', { kind: 'bytes', start: 0, end: 262_144, totalBytes: undefined }],
  ['bytes 262144-299999/300000', { kind: 'bytes', start: 262_144, end: 300_000, totalBytes: 300_000 }],
  ['bytes 0-*/*', { kind: 'bytes', start: 0, end: undefined, totalBytes: undefined }],
  ['bytes 5-*/9', { kind: 'bytes', start: 5, end: undefined, totalBytes: 9 }],
  ['bytes 0--1/0', { kind: 'bytes', start: 0, end: 0, totalBytes: 0 }],
])('reads the Content-Range %s', (header, expected) => {
  expect(parseUploadRange(header)).toEqual(expected);
});

it.each(['bytes 5-3/9', 'bytes 0-9/5', 'bytes a-b/c', '0-5/6', 'bytes 0-5'])(
  'refuses the Content-Range %s',
  (header) => {
    expect(() => parseUploadRange(header)).toThrow(GcsError);
  },
);
