import { cdnAuthOf, type CdnAuth } from '@object-transfer/core/config/cdn-auth';
import { readCredentials, type Credentials } from '@object-transfer/core/config/credentials';
import type { PartialSettings } from '@object-transfer/core/config/rule-breach';
import type { SecretSource } from '@object-transfer/core/ports/secret-source';
import { checkCdnSigningKey } from '@object-transfer/core/storage/cdn-signing-key';
import type { CommandContext } from '../command-context.ts';
import { requireMysql } from './mysql-login.ts';
import { readPrivateKeyFile } from './private-key-file.ts';
import { openSecrets } from './services.ts';

/** A secret that settings name. */
interface NamedSecret {
  readonly field: string;
  readonly name: string;
  /** What was found in it, in words and without a value; `undefined` where it was not read. */
  readonly holds: string | undefined;
}

export interface CheckedSecrets {
  readonly secrets: readonly NamedSecret[];
  readonly warnings: readonly string[];
}

/**
 * Names the secrets that settings need and, where asked to, reads them and checks what they hold.
 * @throws ConfigurationError `CONFIG_SECRET_MISSING`, `CONFIG_SECRET_INVALID`, `CONFIG_ACCESS_DENIED`,
 *   `CONFIG_KEY_UNREADABLE`; ServiceError
 */
export async function checkSecrets(
  settings: PartialSettings,
  reads: boolean,
  { environment, stop: signal }: Pick<CommandContext, 'environment' | 'stop'>,
): Promise<CheckedSecrets> {
  const warnings: string[] = [];
  const secrets: NamedSecret[] = [];
  await using cleanup = new AsyncDisposableStack();
  const source = reads
    ? await openSecrets({ gcpProject: settings.gcpProject }, environment, { signal, cleanup })
    : undefined;
  const { credentialsSecretId: name } = settings;
  if (name !== undefined) {
    const read = source && (await readCredentials(source, name));
    if (read) warnings.push(...read.warnings);
    const holds = read && describeCredentials(read.credentials, name, settings.mysqlTable !== undefined);
    secrets.push({ field: 'credentials_secret_id', name, holds });
  }
  const auth = authOf(settings);
  if (auth?.kind === 'signed') secrets.push(await checkPrivateKey(auth, source));
  return { secrets, warnings };
}

function describeCredentials(credentials: Credentials, name: string, needsMysql: boolean): string {
  if (needsMysql) requireMysql(credentials, name);
  const aws = credentials.aws === undefined ? 'no AWS keys: the default chain of AWS is asked' : 'AWS keys';
  return credentials.mysql === undefined ? aws : `${aws}; a MySQL login`;
}

/** @returns `undefined` for a module that fetches nothing */
function authOf(settings: PartialSettings): CdnAuth | undefined {
  const { urlSignerHashAlgorithm, signedUrlExpireMs } = settings;
  if (urlSignerHashAlgorithm === undefined || signedUrlExpireMs === undefined) return undefined;
  const { cdnAuth, urlSignerKeyPairId, urlSignerPrivateKeySecretId, urlSignerPrivateKeyFile } = settings;
  return cdnAuthOf({
    cdnAuth,
    urlSignerKeyPairId,
    urlSignerPrivateKeySecretId,
    urlSignerPrivateKeyFile,
    urlSignerHashAlgorithm,
    signedUrlExpireMs,
  });
}

async function checkPrivateKey(
  { privateKey: place, keyPairId, hashAlgorithm }: CdnAuth & { readonly kind: 'signed' },
  source: SecretSource | undefined,
): Promise<NamedSecret> {
  const [field, name] =
    'secretId' in place
      ? ['url_signer_private_key_secret_id', place.secretId]
      : ['url_signer_private_key_file', place.file];
  if (source === undefined) return { field, name, holds: undefined };
  const privateKey = 'secretId' in place ? await source.readSecret(name) : await readPrivateKeyFile(name);
  checkCdnSigningKey({ keyPairId, privateKey, privateKeyOrigin: `${field} ${JSON.stringify(name)}`, hashAlgorithm });
  return { field, name, holds: 'a private key that CloudFront takes' };
}
