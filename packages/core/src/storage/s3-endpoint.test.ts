import { expect, test } from 'vitest';
import { resolveS3Endpoint, s3KeyPath } from './s3-endpoint.ts';

test.each([
  [{ bucket: 'photos', region: 'eu-west-1' }, 'https://photos.s3.eu-west-1.amazonaws.com', '/a%20b'],
  [{ bucket: 'my.photos', region: 'eu-west-1' }, 'https://s3.eu-west-1.amazonaws.com', '/my.photos/a%20b'],
  [{ bucket: 'photos', region: 'cn-north-1' }, 'https://photos.s3.cn-north-1.amazonaws.com.cn', '/a%20b'],
  [{ bucket: 'photos', region: 'x', endpointUrl: 'http://127.0.0.1:9000' }, 'http://127.0.0.1:9000', '/photos/a%20b'],
  [{ bucket: 'photos', region: 'x', endpointUrl: 'https://s3.example/v1/' }, 'https://s3.example', '/v1/photos/a%20b'],
])('%j', (settings, origin, path) => {
  const endpoint = resolveS3Endpoint(settings);
  expect(endpoint.origin).toBe(origin);
  expect(endpoint.host).toBe(origin.replace(/^https?:\/\//, ''));
  expect(s3KeyPath(endpoint, 'a b')).toBe(path);
});

test('the host that is signed leaves out the scheme’s own port', () => {
  const endpoint = resolveS3Endpoint({ bucket: 'b', region: 'x', endpointUrl: 'https://s3.example:443' });
  expect(endpoint.host).toBe('s3.example');
});

test.each([
  's3.example',
  'ftp://s3.example',
  'https://',
  'https://user:password@s3.example',
  'https://s3.example/?a=b',
])('%j is no endpoint', (endpointUrl) => {
  const resolve = () => resolveS3Endpoint({ bucket: 'b', region: 'x', endpointUrl });
  expect(resolve).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(resolve).not.toThrow(/password/);
});
