import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { ConfigurationError } from '../domain/errors.ts';
import type { AwsCredentials, AwsCredentialsProvider } from './sigv4-signer.ts';

/** The same credentials for ever: from a secret store. */
export function staticAwsCredentials(credentials: AwsCredentials): AwsCredentialsProvider {
  return () => Promise.resolve(credentials);
}

/**
 * AWS's default chain: environment, shared files (SSO, roles), container and instance metadata. Cached by the chain and
 * renewed before they expire. What is thrown names where was looked, and holds no secret.
 * @param profile of the shared files; `undefined` leaves it to the environment
 */
export function defaultAwsCredentials(profile?: string): AwsCredentialsProvider {
  const chain = fromNodeProviderChain(profile === undefined ? {} : { profile });
  return async () => {
    try {
      return await chain();
    } catch (error) {
      // The reason comes from the SDK's providers, which name files and variables, not their values.
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigurationError('CONFIG_SECRET_MISSING', `no AWS credentials: ${reason}`, {
        op: 'readCredentials',
        cause: error,
      });
    }
  };
}
