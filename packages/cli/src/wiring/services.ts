import { type Credentials, readCredentials } from '@object-transfer/core/config/credentials';
import { EnvironmentSecrets } from '@object-transfer/core/config/environment-secrets';
import type { SecretSource } from '@object-transfer/core/ports/secret-source';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { unlessAborted } from '@object-transfer/core/runtime/unless-aborted';
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

/** What opening takes beside settings. */
export interface Opening {
  readonly logger: Logger;
  /** Ends the opening early. */
  readonly signal: AbortSignal;
  /** Closes what was opened. */
  readonly cleanup: AsyncDisposableStack;
}

/**
 * Opens the source of secrets and reads the credentials that the settings name.
 * @throws ConfigurationError `CONFIG_SECRET_MISSING`, `CONFIG_SECRET_INVALID`, `CONFIG_ACCESS_DENIED`; ServiceError; the
 *   reason of the signal
 */
export async function openServices(
  settings: ServiceSettings,
  environment: Environment,
  opening: Opening,
): Promise<Services> {
  const { logger } = opening;
  const secrets = await openSecrets(settings, environment, opening);
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

/**
 * Secret Manager where a project is named, the environment otherwise; `file:` and `env:` ids are always read here. Reading
 * rejects with the reason of the signal once that aborts.
 */
export async function openSecrets(
  { gcpProject }: Pick<ServiceSettings, 'gcpProject'>,
  environment: Environment,
  { signal, cleanup }: Pick<Opening, 'signal' | 'cleanup'>,
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
    readSecret: (secretId) =>
      isLocal(secretId) ? local.readSecret(secretId) : unlessAborted(managed.readSecret(secretId), signal),
  };
}

function isLocal(secretId: string): boolean {
  return /^(?:file|env):/.test(secretId);
}
