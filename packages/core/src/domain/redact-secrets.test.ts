import { describe, expect, it } from 'vitest';
import { StateError } from './errors.ts';
import { describeError } from './classify-error.ts';
import { redactSecrets } from './redact-secrets.ts';

const KEY = `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEpAIBAAKCAQEA\n'.repeat(3)}-----END RSA PRIVATE KEY-----`;

describe('redactSecrets', () => {
  it.each([
    ['ya29.a0AfH6SMBx-y_z', '[redacted]'],
    ['1//0gFakeRefreshToken_0123456789', '[redacted]'],
    ['AKIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln-_A', '[redacted]'],
    ['Authorization: Bearer abc.def-123', 'Authorization: Bearer [redacted]'],
    ['authorization: Basic Y2xpZW50OnNlY3JldA==', 'authorization: Basic [redacted]'],
    ['https://h/k?X-Amz-Signature=0a1b2c&x=1', 'https://h/k?X-Amz-Signature=[redacted]&x=1'],
    [
      'GET /k?Policy=eyJTdGF0ZW1lbnQ_&Signature=ab~c-d_&Key-Pair-Id=K2JCJMDEHXQW5F refused',
      'GET /k?Policy=[redacted]&Signature=[redacted]&Key-Pair-Id=[redacted] refused',
    ],
    [
      'AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1, SignedHeaders=host, Signature=0123',
      'AWS4-HMAC-SHA256 Credential=[redacted], SignedHeaders=host, Signature=[redacted]',
    ],
    ['x-amz-security-token: FwoGZXIvYXdzE/+=', 'x-amz-security-token: [redacted]'],
    ['{"access_token":"opaque","expires_in":1}', '{"access_token":"[redacted]","expires_in":1}'],
    [String.raw`"{\"refresh_token\": \"opaque\"}"`, String.raw`"{\"refresh_token\": \"[redacted]\"}"`],
    ['grant_type=x&assertion=a.b.c&y', 'grant_type=x&assertion=[redacted]&y'],
    [
      '/upload/storage/v1/b/x/o?uploadType=resumable&upload_id=ADPy-x',
      '/upload/storage/v1/b/x/o?uploadType=resumable&upload_id=[redacted]',
    ],
    [String.raw`{"access_token":"abc\/def"}`, '{"access_token":"[redacted]"}'],
    ['wants Bearer\nBearer abc.def', 'wants Bearer\nBearer [redacted]'],
    [String.raw`{"access_token":"abc\u003dTAIL"}`, '{"access_token":"[redacted]"}'],
    ['http://me:pass@proxy:3128/', 'http://[redacted]@proxy:3128/'],
    [`key: ${KEY} and`, 'key: [redacted] and'],
    [`{"private_key":${JSON.stringify(KEY)}}`, '{"private_key":"[redacted]"}'],
    [KEY.slice(0, 60), '[redacted]'],
  ])('hides what looks like a credential: %s', (text, shown) => {
    expect(redactSecrets(text)).toBe(shown);
  });

  it('hides values that are known to be secret, and takes no short one for a secret', () => {
    expect(redactSecrets('password hunter2hunter2', ['hunter2hunter2'])).toBe('password [redacted]');
    expect(redactSecrets('local files', ['local', ''])).toBe('local files');
  });

  it.each([
    'CheckFailed: the policy=if-different of photos/Signature dish.jpg, 403 of s3://bucket/a=b',
    'the CDN does not accept the signature: check url_signer_key_pair_id',
    'https://d111111abcdef8.cloudfront.net/a%20b',
  ])('leaves other words as they are: %s', (text) => {
    expect(redactSecrets(text)).toBe(text);
  });

  // In proportion to the square of the text, this would take hours.
  it.each(['-eyJaaaaaaaa', '-----BEGIN PRIVATE KEY-----', '://a:', 'Bearer  ', '"assertion":"\\n', 'Policy='])(
    'is not kept busy by a text that is made for it: %s',
    (piece) => {
      expect(redactSecrets(piece.repeat(200_000)).length).toBeGreaterThan(0);
    },
  );

  it.each(['Bearer', 'Authorization: Basic', 'x-amz-security-token', '"id_token"', ''])(
    'is not kept busy by the white space behind %j',
    (word) => {
      for (const blank of [' ', '\n']) expect(redactSecrets(word + blank.repeat(200_000)).length).toBeGreaterThan(0);
    },
  );

  it('is applied to every error, whoever made its message', () => {
    const said = 'the proxy answered: Authorization: Bearer abc.def';
    expect(new StateError('STATE_UNAVAILABLE', said, { op: 'claim' }).message).not.toContain('abc');
    expect(describeError(new TypeError(said)).message).toBe(
      'TypeError: the proxy answered: Authorization: Bearer [redacted]',
    );
    expect(describeError(said).message).not.toContain('abc');
  });
});
