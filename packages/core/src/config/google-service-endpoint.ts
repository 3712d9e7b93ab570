import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { PassThroughClient } from 'google-auth-library';
import { ConfigurationError } from '../domain/errors.ts';

/** Where a Google service is called. */
export interface GoogleServiceEndpoint {
  /** `datastore.googleapis.com`, or the host and port of an emulator: for messages. */
  readonly host: string;
  /** What Google's generated clients take; empty for Google's own endpoint. */
  readonly clientOptions: EmulatorClientOptions | Readonly<Record<string, never>>;
}

// A type and no interface: only types are assignable to the index signature that the clients' options have.
type EmulatorClientOptions = {
  readonly servicePath: string;
  readonly port: number;
  readonly sslCreds: ChannelCredentials;
  readonly authClient: PassThroughClient;
};

/**
 * @param googleHost the service's own host
 * @param emulator what the emulator's variable says: `host:port`, which speaks gRPC without TLS; nothing for the service itself
 * @throws ConfigurationError `CONFIG_INVALID`
 */
export function resolveGoogleEndpoint(
  googleHost: string,
  emulator: { readonly variable: string; readonly host: string | undefined },
): GoogleServiceEndpoint {
  if (emulator.host === undefined || emulator.host === '') return { host: googleHost, clientOptions: {} };
  const { hostname, port } = parseHost(emulator.host, emulator.variable);
  return {
    host: `${hostname}:${port}`,
    clientOptions: {
      servicePath: hostname,
      port: Number(port),
      sslCreds: credentials.createInsecure(),
      // Without it the library looks for credentials that it does not use, by asking a metadata server that is not there.
      authClient: new PassThroughClient(),
    },
  };
}

function parseHost(host: string, variable: string): { readonly hostname: string; readonly port: string } {
  const withoutScheme = host.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  const [, hostname, port] = /^([\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(withoutScheme) ?? [];
  if (hostname === undefined || port === undefined) {
    throw new ConfigurationError('CONFIG_INVALID', `${variable} must be host:port, and is ${JSON.stringify(host)}`);
  }
  return { hostname, port };
}
