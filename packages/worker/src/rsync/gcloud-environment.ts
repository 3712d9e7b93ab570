import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { resolveGcsEndpoint } from '@object-transfer/core/storage/gcs-endpoint';
import type { AwsCredentials } from '@object-transfer/core/storage/sigv4-signer';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * What the CLI needs of our own environment: where programs, files and certificates are, how to get out, the user's settings
 * of the CLI, and the metadata server of a VM.
 */
const INHERITED =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|TZ|LANG|LC_\w+|(?:https?|no|all)_proxy|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL|AWS)_CA_BUNDLE|CLOUDSDK_\w+|GCE_METADATA_\w+|NO_GCE_CHECK)$/i;

/** A run is nobody's terminal session, and leaves nothing but objects behind. */
const QUIET = {
  CLOUDSDK_CORE_DISABLE_PROMPTS: 'true',
  CLOUDSDK_CORE_DISABLE_FILE_LOGGING: 'true',
  CLOUDSDK_CORE_LOG_HTTP: 'false',
  // Reporting would start a process of its own in the background.
  CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: 'true',
  CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: 'true',
  CLOUDSDK_SURVEY_DISABLE_PROMPTS: 'true',
};

/**
 * Environment of any call of the CLI. The user's own configuration of it is left as it is; a user who has none gets one
 * inside `directory`. Where nobody has logged in with the CLI, it uses the key file that this process uses; on a VM the CLI
 * finds the metadata server by itself.
 * @param variables the environment of this process
 */
export function gcloudEnvironment(variables: Variables, directory: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined && INHERITED.test(name)) environment[name] = value;
  }
  const own = environment['CLOUDSDK_CONFIG'] ?? join(environment['HOME'] ?? homedir(), '.config', 'gcloud');
  if (!existsSync(own) && environment['CLOUDSDK_CONFIG'] === undefined) {
    environment['CLOUDSDK_CONFIG'] = join(directory, 'config');
  }
  const keyFile = variables['GOOGLE_APPLICATION_CREDENTIALS'];
  const isLoggedIn = existsSync(join(own, 'credentials.db')) || hasAuthSettings(environment);
  if (keyFile !== undefined && keyFile !== '' && !isLoggedIn) {
    environment['CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE'] = keyFile;
  }
  return { ...environment, ...QUIET };
}

export interface GcloudRsyncEnvironment {
  readonly variables: Variables;
  readonly aws: AwsCredentials;
  readonly awsRegion?: string | undefined;
  readonly s3EndpointUrl?: string | undefined;
  /** `STORAGE_EMULATOR_HOST` */
  readonly storageEmulatorHost?: string | undefined;
  /** Private to one run, and removed after it. */
  readonly directory: string;
}

/** {@link gcloudEnvironment} with what `storage rsync` from S3 needs. Credentials of AWS are there, and nowhere else. */
export function gcloudRsyncEnvironment(settings: GcloudRsyncEnvironment): Record<string, string> {
  const { variables, aws, awsRegion, s3EndpointUrl, storageEmulatorHost, directory } = settings;
  const endpoint = resolveGcsEndpoint(storageEmulatorHost);
  return {
    ...gcloudEnvironment(variables, directory),
    // Listings of both sides, and resumable uploads. By default they lie in the user's configuration, where runs of the
    // same folder get into each other's way, and stay there when a run is ended.
    CLOUDSDK_STORAGE_RSYNC_FILES_DIRECTORY: join(directory, 'listings'),
    CLOUDSDK_STORAGE_TRACKER_FILES_DIRECTORY: join(directory, 'uploads'),
    // Otherwise `a b` sorts before `a`, and objects that are equal are copied again.
    CLOUDSDK_STORAGE_USE_URL_BASED_RSYNC_SORTING: 'true',
    // With `never` in the user's settings, objects of the same size would count as equal.
    CLOUDSDK_STORAGE_CHECK_HASHES: 'always',
    CLOUDSDK_STORAGE_USE_GSUTIL: 'false',
    AWS_ACCESS_KEY_ID: aws.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...(aws.sessionToken !== undefined && { AWS_SESSION_TOKEN: aws.sessionToken }),
    ...(awsRegion !== undefined && { AWS_DEFAULT_REGION: awsRegion }),
    ...(s3EndpointUrl !== undefined && { CLOUDSDK_STORAGE_S3_ENDPOINT_URL: s3EndpointUrl }),
    ...(endpoint.isEmulator && {
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${endpoint.origin}${endpoint.basePath}/storage/v1/`,
      CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true',
    }),
  };
}

/** Values of an environment that must not show anywhere. */
export function secretsOf(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment)
    .filter(([name]) => /^AWS_.*(?:KEY|TOKEN)|TOKEN$|SECRET|PASSWORD/.test(name))
    .map(([, value]) => value);
}

function hasAuthSettings(environment: Readonly<Record<string, string>>): boolean {
  return Object.keys(environment).some((name) => name.startsWith('CLOUDSDK_AUTH_'));
}
