import { expect, it } from 'vitest';
import { GcsError } from './gcs-error.ts';
import { routeRequest } from './gcs-route.ts';
import { parseRequestTarget } from './request-target.ts';

const HOSTILE = [
  '../../etc/passwd',
  'a//b',
  '/',
  'a?b#c',
  '100%',
  '%2F',
  'a+b c',
  '😀',
  'o',
  '..%2F',
  'x/compose',
  '\u0001',
];

it.each(HOSTILE)('reads the object name %j as it was sent', (name) => {
  const { segments, query } = parseRequestTarget(`/storage/v1/b/bucket/o/${encodeURIComponent(name)}?alt=json`);
  expect(routeRequest('GET', segments, query)).toEqual({ operation: 'objects.get', bucket: 'bucket', object: name });
});

it('does not resolve dots in the path', () => {
  expect(parseRequestTarget('/storage/v1/b/bucket/o/../..').segments.slice(-2)).toEqual(['..', '..']);
});

it('reads a plus sign as itself in the path and as a space in the query', () => {
  const { segments, query } = parseRequestTarget('/b/bucket/o/a+b?prefix=a+b%2B');
  expect(segments.at(-1)).toBe('a+b');
  expect(query.get('prefix')).toBe('a b+');
});

it.each(['/b/bucket/o/%ff', '/b/bucket/o/%', '/b/bucket/o?prefix=%c3'])('refuses %s', (url) => {
  expect(() => parseRequestTarget(url)).toThrow(GcsError);
});

it.each([
  ['GET', '/b', 'buckets.list'],
  ['GET', '/storage/v1/b/x', 'buckets.get'],
  ['GET', '/b/x/storageLayout', 'buckets.getStorageLayout'],
  ['GET', '/b/x/iam/testPermissions', 'buckets.testIamPermissions'],
  ['GET', '/b/x/o', 'objects.list'],
  ['GET', '/b/x/o/y?alt=media', 'objects.getMedia'],
  ['GET', '/download/storage/v1/b/x/o/y', 'objects.getMedia'],
  ['POST', '/b/x/o/y/compose', 'objects.compose'],
  ['POST', '/b/x/o/y/rewriteTo/b/x/o/z', 'objects.rewrite'],
  ['POST', '/upload/storage/v1/b/x/o?uploadType=media', 'objects.insert.media'],
  ['POST', '/upload/b/x/o?uploadType=multipart', 'objects.insert.multipart'],
  ['POST', '/resumable/upload/storage/v1/b/x/o?uploadType=resumable', 'objects.insert.resumable'],
  ['PUT', '/resumable/upload/storage/v1/b/x/o?uploadType=resumable&upload_id=1', 'objects.insert.resumable.continue'],
  ['DELETE', '/upload/storage/v1/b/x/o?upload_id=1', 'objects.insert.resumable.cancel'],
])('routes %s %s to %s', (method, url, operation) => {
  const { segments, query } = parseRequestTarget(url);
  expect(routeRequest(method, segments, query).operation).toBe(operation);
});

it.each([
  ['GET', '/'],
  ['GET', '/storage/v1/x'],
  ['GET', '/b/x/acl'],
  ['GET', '/b/x/o/y/z'],
  ['POST', '/b/x/o'],
  ['GET', '/b/x/o/y/compose'],
  ['POST', '/upload/storage/v1/b/x/o'],
  ['POST', '/upload/storage/v1/b/x/o/y?uploadType=media'],
])('refuses %s %s', (method, url) => {
  const { segments, query } = parseRequestTarget(url);
  expect(() => routeRequest(method, segments, query)).toThrow(GcsError);
});
