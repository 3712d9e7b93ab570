import { Datastore } from '@google-cloud/datastore';
import { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import { resolveGoogleEndpoint } from '@object-transfer/core/config/google-service-endpoint';

export interface OpenDatastore {
  readonly client: Datastore;
  readonly close: () => void;
}

/** Google's own client of a Datastore on loopback. @param host `127.0.0.1:PORT` */
export function openDatastore(host: string, projectId: string): OpenDatastore {
  const client = new Datastore({ projectId, ...onLoopback(host) });
  return {
    client,
    close: () => {
      // oxlint-disable-next-line no-underscore-dangle -- the client has no method that closes it
      for (const each of client.clients_.values()) each.close();
    },
  };
}

/** Google's own client of a Secret Manager on loopback; to be closed by its `close`. */
export function openSecretManager(host: string): SecretManagerServiceClient {
  return new SecretManagerServiceClient(onLoopback(host));
}

function onLoopback(host: string): ReturnType<typeof resolveGoogleEndpoint>['clientOptions'] {
  return resolveGoogleEndpoint('localhost', { variable: 'EMULATOR', host }).clientOptions;
}
