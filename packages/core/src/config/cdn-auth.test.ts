import { describe, expect, it } from 'vitest';
import { cdnAuthOf, type CdnAuthSettings } from './cdn-auth.ts';

const NOTHING: CdnAuthSettings = {
  cdnAuth: undefined,
  urlSignerKeyPairId: undefined,
  urlSignerPrivateKeySecretId: undefined,
  urlSignerPrivateKeyFile: undefined,
  urlSignerHashAlgorithm: 'sha1',
  signedUrlExpireMs: 60_000,
};
const KEY = { urlSignerKeyPairId: 'K1', urlSignerPrivateKeyFile: 'key.pem' };

describe('cdnAuthOf', () => {
  it('sends plain requests where nothing is said', () => {
    expect(cdnAuthOf(NOTHING)).toEqual({ kind: 'none' });
  });

  it('signs URLs where a key is given', () => {
    expect(cdnAuthOf({ ...NOTHING, ...KEY })).toEqual({
      kind: 'signed',
      keyPairId: 'K1',
      privateKey: { file: 'key.pem' },
      hashAlgorithm: 'sha1',
      expireMs: 60_000,
    });
    expect(cdnAuthOf({ ...NOTHING, urlSignerKeyPairId: 'K1', urlSignerPrivateKeySecretId: 's' })).toMatchObject({
      privateKey: { secretId: 's' },
    });
  });

  it('does as it is told, whatever keys there are', () => {
    expect(cdnAuthOf({ ...NOTHING, ...KEY, cdnAuth: 'none' })).toEqual({ kind: 'none' });
    expect(cdnAuthOf({ ...NOTHING, ...KEY, cdnAuth: 'sigv4' })).toEqual({ kind: 'sigv4' });
  });

  it('refuses to sign without a key', () => {
    expect(() => cdnAuthOf({ ...NOTHING, cdnAuth: 'signed' })).toThrow('private key');
  });
});
