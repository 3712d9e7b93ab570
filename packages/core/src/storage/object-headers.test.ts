import { expect, test } from 'vitest';
import { parseObjectHeaders } from './object-headers.ts';

test('an answer without headers says nothing of the object', () => {
  expect(parseObjectHeaders({})).toEqual({
    etag: undefined,
    weakEtag: false,
    properties: { metadata: {} },
    storageClass: 'STANDARD',
    lastModified: undefined,
    etagMayBeMd5: true,
    missingMetadataCount: 0,
    fromCache: false,
  });
});

test.each([
  ['aws-chunked', undefined],
  ['aws-chunked,gzip', 'gzip'],
  ['gzip, AWS-Chunked', 'gzip'],
  ['gzip, br', 'gzip, br'],
  ['', ''],
])('Content-Encoding %j is stored as %j', (header, stored) => {
  expect(parseObjectHeaders({ 'content-encoding': header }).properties.contentEncoding).toBe(stored);
});

test.each([
  [{ 'x-amz-server-side-encryption': 'AES256' }, true],
  [{ 'x-amz-server-side-encryption': 'aws:kms' }, false],
  [{ 'x-amz-server-side-encryption': 'aws:kms:dsse' }, false],
  [{ 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }, false],
])('%j: the ETag may be an MD5: %j', (headers, etagMayBeMd5) => {
  expect(parseObjectHeaders(headers).etagMayBeMd5).toBe(etagMayBeMd5);
});

test('no metadata name is lost, whatever it means to JavaScript', () => {
  const headers = Object.fromEntries([
    ['x-amz-meta-__proto__', 'a'],
    ['x-amz-meta-constructor', '=?UTF-8?B?w7w=?='],
  ]);
  const { metadata } = parseObjectHeaders(headers).properties;
  expect(Object.entries(metadata)).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'ü'],
  ]);
});
