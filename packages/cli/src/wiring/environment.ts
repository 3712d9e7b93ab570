import { defaultAwsCredentials, staticAwsCredentials } from '@object-transfer/core/storage/aws-credentials';
import type { AwsCredentialsProvider } from '@object-transfer/core/storage/sigv4-signer';

/** What the ecosystem's environment variables say. Read once, here. */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly s3EndpointUrl: string | undefined;
  readonly awsRegion: string | undefined;
  readonly awsCredentials: AwsCredentialsProvider;
  readonly storageEmulatorHost: string | undefined;
  /** `host:port` of what serves in place of Google's services. */
  readonly pubsubEmulatorHost: string | undefined;
  readonly datastoreEmulatorHost: string | undefined;
  readonly secretManagerEmulatorHost: string | undefined;
  readonly gcpProject: string | undefined;
}

/** An empty variable counts as not set, as in the AWS and Google tools. */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const value = (name: string) => (variables[name] === '' ? undefined : variables[name]);
  return {
    variables,
    s3EndpointUrl: value('AWS_ENDPOINT_URL_S3') ?? value('AWS_ENDPOINT_URL'),
    awsRegion: value('AWS_REGION') ?? value('AWS_DEFAULT_REGION'),
    awsCredentials: awsCredentials(value),
    storageEmulatorHost: value('STORAGE_EMULATOR_HOST'),
    pubsubEmulatorHost: value('PUBSUB_EMULATOR_HOST'),
    datastoreEmulatorHost: value('DATASTORE_EMULATOR_HOST'),
    secretManagerEmulatorHost: value('SECRET_MANAGER_EMULATOR_HOST'),
    gcpProject: value('GOOGLE_CLOUD_PROJECT') ?? value('GCLOUD_PROJECT'),
  };
}

/** Keys in the environment come first in AWS's chain; these variables need not be the process's own. */
function awsCredentials(value: (name: string) => string | undefined): AwsCredentialsProvider {
  const accessKeyId = value('AWS_ACCESS_KEY_ID');
  const secretAccessKey = value('AWS_SECRET_ACCESS_KEY');
  if (accessKeyId === undefined || secretAccessKey === undefined) return defaultAwsCredentials();
  const sessionToken = value('AWS_SESSION_TOKEN');
  return staticAwsCredentials({ accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) });
}
