import { cdnAuthOf, type CdnAuth, type CdnAuthSettings } from '@object-transfer/core/config/cdn-auth';
import type { ObjectReader } from '@object-transfer/core/ports/object-source';
import type { SecretSource } from '@object-transfer/core/ports/secret-source';
import { createCdnObjectReader, type CdnSigning } from '@object-transfer/core/storage/cdn-object-reader';
import type { S3Endpoint } from '@object-transfer/core/storage/s3-endpoint';
import { readPrivateKeyFile } from './private-key-file.ts';
import type { Services } from './services.ts';

export interface CdnSettings extends CdnAuthSettings {
  readonly cloudfrontUrlHostPre: string;
  readonly replaceKeyParts: Readonly<Record<string, string>>;
}

/** @throws ConfigurationError where the key for signed URLs cannot be had or used */
export async function openCdnReader(
  settings: CdnSettings,
  endpoint: S3Endpoint,
  services: Pick<Services, 'environment' | 'secrets'>,
): Promise<ObjectReader> {
  return createCdnObjectReader({
    urlHostPre: settings.cloudfrontUrlHostPre,
    replaceKeyParts: settings.replaceKeyParts,
    signing: await signingOf(cdnAuthOf(settings), endpoint, services),
  });
}

async function signingOf(
  auth: CdnAuth,
  endpoint: S3Endpoint,
  { environment, secrets }: Pick<Services, 'environment' | 'secrets'>,
): Promise<CdnSigning> {
  switch (auth.kind) {
    case 'none':
      return { kind: 'none' };
    case 'sigv4':
      return { kind: 'sigv4', endpoint, credentials: environment.awsCredentials };
    case 'signed': {
      const { keyPairId, hashAlgorithm, expireMs: lifetimeMs } = auth;
      return {
        kind: 'signed',
        keyPairId,
        hashAlgorithm,
        lifetimeMs,
        ...(await privateKeyOf(auth.privateKey, secrets)),
      };
    }
  }
}

async function privateKeyOf(
  place: { readonly secretId: string } | { readonly file: string },
  secrets: SecretSource,
): Promise<{ readonly privateKey: string; readonly privateKeyOrigin: string }> {
  if ('secretId' in place) {
    const privateKey = await secrets.readSecret(place.secretId);
    return { privateKey, privateKeyOrigin: `the secret ${JSON.stringify(place.secretId)}` };
  }
  return {
    privateKey: await readPrivateKeyFile(place.file),
    privateKeyOrigin: `the file ${JSON.stringify(place.file)}`,
  };
}
