import type { HttpPoolSettings } from './http-pool.ts';
import { openConnections, type ObjectConnections } from './object-connections.ts';
import { resolveS3Endpoint, type S3Endpoint, type S3EndpointSettings } from './s3-endpoint.ts';
import { createSigV4Signer, type AwsCredentialsProvider, type SigV4Signer } from './sigv4-signer.ts';

export interface S3ConnectionSettings extends S3EndpointSettings {
  /** `'anonymous'` for a bucket that anybody may read. */
  readonly credentials: AwsCredentialsProvider | 'anonymous';
  readonly pool?: HttpPoolSettings | undefined;
}

/** One bucket: what its reader, its stater and its lister share. */
export interface S3Connection extends ObjectConnections {
  readonly endpoint: S3Endpoint;
  /**
   * Headers that prove who asks; none for an anonymous connection.
   * @throws the reason of `signal` when it aborts while credentials are waited for
   */
  authorize(
    method: 'GET' | 'HEAD',
    rawPath: string,
    signal: AbortSignal,
    query?: Readonly<Record<string, string>>,
  ): Promise<Record<string, string>>;
}

/** @throws ConfigurationError `CONFIG_INVALID` for an endpoint that is no URL */
export function createS3Connection(settings: S3ConnectionSettings): S3Connection {
  const endpoint = resolveS3Endpoint(settings);
  const connections = openConnections(endpoint.origin, settings.pool);
  const signer: SigV4Signer | undefined =
    settings.credentials === 'anonymous' ? undefined : createSigV4Signer(settings.region, settings.credentials);
  return {
    ...connections,
    endpoint,
    authorize: async (method, rawPath, signal, query) =>
      signer === undefined ? {} : signer({ method, host: endpoint.host, rawPath, query: query ?? {}, signal }),
  };
}
