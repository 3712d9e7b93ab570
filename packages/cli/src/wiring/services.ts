import { type Credentials, readCredentials } from '@object-transfer/core/config/credentials';
import { EnvironmentSecrets } from '@object-transfer/core/config/environment-secrets';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { SecretSource } from '@object-transfer/core/ports/secret-source';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { staticAwsCredentials } from '@object-transfer/core/storage/aws-credentials';
import type { Environment } from './environment.ts';

export interface ServiceSettings {
  readonly gcpProject: string | undefined;
  readonly credentialsSecretId: string | undefined;
}

/** What the other adapters need to be opened. */
export interface Services {
  /** With the AWS keys of the credentials secret, where it has any. */
  readonly environment: Environment;
  readonly secrets: SecretSource;
  readonly credentials: Credentials | undefined;
}

/**
 * Opens the source of secrets and reads the credentials that the settings name.
 * @param cleanup closes it again
 * @throws ConfigurationError `CONFIG_SECRET_MISSING`, `CONFIG_SECRET_INVALID`, `CONFIG_ACCESS_DENIED`; ServiceError
 */
export async function openServices(
  settings: ServiceSettings,
  environment: Environment,
  logger: Logger,
  cleanup: AsyncDisposableStack,
): Promise<Services> {
  const secrets = await openSecrets(settings, environment, cleanup);
  if (settings.credentialsSecretId === undefined) return { environment, secrets, credentials: undefined };
  const { credentials, warnings } = await readCredentials(secrets, settings.credentialsSecretId);
  for (const warning of warnings) logger.warn(warning);
  const { aws } = credentials;
  return {
    environment: aws === undefined ? environment : { ...environment, awsCredentials: staticAwsCredentials(aws) },
    secrets,
    credentials,
  };
}

/** Secret Manager where a project is named, the environment otherwise; `file:` and `env:` ids are always read here. */
export async function openSecrets(
  { gcpProject }: Pick<ServiceSettings, 'gcpProject'>,
  environment: Environment,
  cleanup: AsyncDisposableStack,
): Promise<SecretSource> {
  const local = new EnvironmentSecrets(environment.variables);
  if (gcpProject === undefined) return local;
  // Not before it is needed: it takes 0.4 s to load.
  const { openSecretManagerSecrets } = await import('@object-transfer/core/config/secret-manager-secrets');
  const managed = openSecretManagerSecrets({
    projectId: gcpProject,
    emulatorHost: environment.secretManagerEmulatorHost,
  });
  cleanup.defer(() => managed.close());
  return {
    readSecret: (secretId) => (isLocal(secretId) ? local : managed).readSecret(secretId),
  };
}

function isLocal(secretId: string): boolean {
  return /^(?:file|env):/.test(secretId);
}

/** @throws ConfigurationError `CONFIG_SECRET_INVALID` where the credentials say nothing about MySQL */
export function requireMysql(
  credentials: Credentials | undefined,
  secretId: string | undefined,
): NonNullable<Credentials['mysql']> {
  if (credentials?.mysql !== undefined) return credentials.mysql;
  throw new ConfigurationError(
    'CONFIG_SECRET_INVALID',
    `mysql_table is given, but the secret ${JSON.stringify(secretId)} has no mysql_config`,
    { source: secretId },
  );
}
