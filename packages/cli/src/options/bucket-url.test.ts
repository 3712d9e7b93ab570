import { expect, test } from 'vitest';
import { parseBucketUrl } from './bucket-url.ts';

test.each([
  ['s3://bucket', { bucket: 'bucket', prefix: '' }],
  ['s3://bucket/', { bucket: 'bucket', prefix: '' }],
  ['s3://bucket/photos/2019', { bucket: 'bucket', prefix: 'photos/2019' }],
  ['s3://bucket/photos/', { bucket: 'bucket', prefix: 'photos/' }],
  ['s3://bucket//a//', { bucket: 'bucket', prefix: '/a//' }],
  ['s3://bucket/a%20b?c#d e/', { bucket: 'bucket', prefix: 'a%20b?c#d e/' }],
])('%s names a bucket and a prefix, which is taken as it is written', (url, expected) => {
  expect(parseBucketUrl('--from', 's3', url)).toEqual(expected);
});

test.each([
  '',
  'bucket',
  's3:',
  's3://',
  's3:///prefix',
  'gs://bucket',
  'S3://bucket',
  'https://bucket/',
  ' s3://bucket',
])('%j is refused, and the flag is named', (url) => {
  expect(() => parseBucketUrl('--from', 's3', url)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: `--from must look like s3://bucket/prefix/, not ${JSON.stringify(url)}`,
    }),
  );
});

test('the scheme is that of the flag', () => {
  expect(parseBucketUrl('--to', 'gs', 'gs://bucket/mirror/')).toEqual({ bucket: 'bucket', prefix: 'mirror/' });
  expect(() => parseBucketUrl('--to', 'gs', 's3://bucket/')).toThrow('--to must look like gs://bucket/prefix/');
});
