import { createPrivateKey, type KeyObject } from 'node:crypto';
import { ConfigurationError } from '../domain/errors.ts';

export interface CdnSigningKeySettings {
  /** Id of the public key that CloudFront knows (`K2JCJMDEHXQW5F`). */
  readonly keyPairId: string;
  /** PEM, PKCS#1, PKCS#8 or SEC1. */
  readonly privateKey: string;
  /** Where the private key was read, for messages: a file, an environment variable, a secret's name. */
  readonly privateKeyOrigin: string;
  readonly passphrase?: string | undefined;
  /** CloudFront's default is SHA-1; SHA-256 is announced to it in the URL. */
  readonly hashAlgorithm?: 'sha1' | 'sha256' | undefined;
}

/**
 * Checks that CloudFront's signatures can be made with a key: RSA, or ECDSA on P-256.
 * @throws ConfigurationError `CONFIG_KEY_UNREADABLE` naming where the key came from, never its content
 * @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-trusted-signers.html
 */
export function checkCdnSigningKey(settings: CdnSigningKeySettings): void {
  const key = parseKey(settings);
  const isEcdsaP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  if (key.asymmetricKeyType !== 'rsa' && !isEcdsaP256) {
    throw unreadable(
      settings,
      `it is ${key.asymmetricKeyType ?? 'of an unknown kind'}; CloudFront takes RSA and ECDSA P-256`,
    );
  }
}

function parseKey({ privateKey, passphrase, ...settings }: CdnSigningKeySettings): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? privateKey : { key: privateKey, passphrase });
  } catch (error) {
    // OpenSSL's reason names the step that failed, not the input; the error object itself is not kept.
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw unreadable(settings, `it is no private key in PEM form (${code})`);
  }
}

function unreadable(settings: Pick<CdnSigningKeySettings, 'privateKeyOrigin'>, reason: string): ConfigurationError {
  return new ConfigurationError(
    'CONFIG_KEY_UNREADABLE',
    `the CloudFront private key from ${settings.privateKeyOrigin} cannot be used: ${reason}`,
  );
}
