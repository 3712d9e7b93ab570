import type { CdnAuthKind, SignerHashAlgorithm } from './cdn-fields.ts';
import { ConfigurationError } from '../domain/errors.ts';

/** How CDN requests are authorised, with all that it takes. */
export type CdnAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'sigv4' }
  | {
      readonly kind: 'signed';
      readonly keyPairId: string;
      /** Where the PEM text of the private key is. */
      readonly privateKey: { readonly secretId: string } | { readonly file: string };
      readonly hashAlgorithm: SignerHashAlgorithm;
      readonly expireMs: number;
    };

export interface CdnAuthSettings {
  readonly cdnAuth: CdnAuthKind | undefined;
  readonly urlSignerKeyPairId: string | undefined;
  readonly urlSignerPrivateKeySecretId: string | undefined;
  readonly urlSignerPrivateKeyFile: string | undefined;
  readonly urlSignerHashAlgorithm: SignerHashAlgorithm;
  readonly signedUrlExpireMs: number;
}

/**
 * Reads the fields about CDN authorisation together: where `cdn_auth` is left out, a key means signed URLs.
 * @throws ConfigurationError `CONFIG_INVALID` where the key or its id is missing, which `loadSettings` refuses before
 */
export function cdnAuthOf(settings: CdnAuthSettings): CdnAuth {
  const { urlSignerKeyPairId: keyPairId, urlSignerPrivateKeySecretId: secretId } = settings;
  const file = settings.urlSignerPrivateKeyFile;
  const anyKey = keyPairId !== undefined || secretId !== undefined || file !== undefined;
  const kind = settings.cdnAuth ?? (anyKey ? 'signed' : 'none');
  if (kind !== 'signed') return { kind };
  const privateKey = secretId === undefined ? (file === undefined ? undefined : { file }) : { secretId };
  if (keyPairId === undefined || privateKey === undefined) {
    throw new ConfigurationError('CONFIG_INVALID', 'signed URLs need a private key and url_signer_key_pair_id');
  }
  return {
    kind,
    keyPairId,
    privateKey,
    hashAlgorithm: settings.urlSignerHashAlgorithm,
    expireMs: settings.signedUrlExpireMs,
  };
}
