import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { ConfigurationError, SourceError } from '../domain/errors.ts';
import type { AwsCredentials, AwsCredentialsProvider } from './sigv4-signer.ts';

/** The same credentials for ever: from a secret store. */
export function staticAwsCredentials(credentials: AwsCredentials): AwsCredentialsProvider {
  return () => Promise.resolve(credentials);
}

/**
 * AWS's default chain: environment, shared files (SSO, roles), container and instance metadata. Cached by the chain and
 * renewed before they expire. Throws `CONFIG_SECRET_MISSING` where there are none, and the retryable
 * `SOURCE_UNAVAILABLE` where there were some that cannot be renewed now. What is thrown names where was looked, and holds
 * no secret.
 * @param profile of the shared files; `undefined` leaves it to the environment
 */
export function defaultAwsCredentials(profile?: string): AwsCredentialsProvider {
  const chain = fromNodeProviderChain(profile === undefined ? {} : { profile });
  let foundOnce = false;
  return async () => {
    try {
      const credentials = await chain();
      foundOnce = true;
      return credentials;
    } catch (error) {
      // The reason comes from the SDK's providers, which name files and variables, not their values.
      const reason = error instanceof Error ? error.message : String(error);
      const context = { op: 'readCredentials', cause: error };
      throw foundOnce
        ? new SourceError('SOURCE_UNAVAILABLE', `the AWS credentials cannot be renewed: ${reason}`, context)
        : new ConfigurationError('CONFIG_SECRET_MISSING', `no AWS credentials: ${reason}`, context);
    }
  };
}
