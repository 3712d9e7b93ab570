import { describe, expect, it } from 'vitest';
import { secretVersionName } from './secret-version-name.ts';

describe('secretVersionName', () => {
  it.each([
    ['cdn-key_1', 'projects/own/secrets/cdn-key_1/versions/latest'],
    ['projects/other/secrets/key', 'projects/other/secrets/key/versions/latest'],
    ['projects/example.com:other/secrets/key', 'projects/example.com:other/secrets/key/versions/latest'],
    ['projects/123456/secrets/key/versions/7', 'projects/123456/secrets/key/versions/7'],
    ['projects/other/secrets/key/versions/latest', 'projects/other/secrets/key/versions/latest'],
    ['projects/other/secrets/key/versions/current', 'projects/other/secrets/key/versions/current'],
  ])('makes of %s the name of a version', (id, name) => {
    expect(secretVersionName(id, 'own')).toBe(name);
  });

  it('shows a malformed resource name', () => {
    expect(() => secretVersionName('project/p/secret/s', 'own')).toThrow('and is "project/p/secret/s"');
  });

  it.each(['pass word', 'AKIA+secret/key', 'x'.repeat(256), '-----BEGIN KEY-----'])(
    'does not show %j, which may be the secret itself',
    (id) => {
      expect(() => secretVersionName(id, 'own')).toThrow(`and is ${id.length} characters, not shown`);
    },
  );
});
