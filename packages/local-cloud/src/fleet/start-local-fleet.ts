import { startDatastoreServer, type DatastoreServer } from '../datastore/datastore-server.ts';
import { startPubsubServer, type PubsubServer } from '../pubsub/pubsub-server.ts';
import { startSecretManagerServer, type SecretManagerServer } from '../secret-manager/secret-manager-server.ts';
import type { LocalCloud } from '../start-local-cloud.ts';
import { credentialsPayload, fleetEntities, type FleetNames, type MysqlAddress } from './fleet-entities.ts';

export interface LocalFleet {
  readonly pubsub: PubsubServer;
  readonly datastore: DatastoreServer;
  readonly secretManager: SecretManagerServer;
  readonly names: FleetNames;
  /** `KIND/NAME` of the entity of each module. */
  readonly configKeys: { readonly dump: string; readonly publisherObjects: string; readonly workerCdnTransfer: string };
  /** Points the Google tools, and this one, at these servers. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const KIND = 'object-transfer';

const NAMES: FleetNames = {
  projectId: 'local-project',
  table: 'object_transfer_state',
  topic: 'object-transfer-objects',
  subscription: 'object-transfer-objects-sub',
  errorTopic: 'object-transfer-errors',
  credentialsSecret: 'object-transfer-credentials',
  signingKeySecret: 'object-transfer-signing-key',
};

/**
 * Starts Pub/Sub, Datastore and Secret Manager on loopback, with the entities and secrets of a fleet that migrates the
 * source bucket of a local cloud to its destination bucket. Topics, subscriptions and tables are not made: `prepare` is
 * part of the rehearsal.
 * @throws the listen error
 */
export async function startLocalFleet(cloud: LocalCloud, mysql: MysqlAddress): Promise<LocalFleet> {
  await using starting = new AsyncDisposableStack();
  const started = <T extends { close(): Promise<void> }>(server: T): T =>
    starting.adopt(server, (running) => running.close());
  const pubsub = started(await startPubsubServer());
  const datastore = started(await startDatastoreServer());
  const secretManager = started(await startSecretManagerServer());

  const { projectId, credentialsSecret, signingKeySecret } = NAMES;
  for (const [name, properties] of Object.entries(fleetEntities(cloud, NAMES))) {
    datastore.putEntity(projectId, KIND, name, properties);
  }
  secretManager.putSecret(projectId, credentialsSecret, credentialsPayload(mysql));
  if (cloud.signer !== undefined) secretManager.putSecret(projectId, signingKeySecret, cloud.signer.privateKey);
  const running = starting.move();
  return {
    pubsub,
    datastore,
    secretManager,
    names: NAMES,
    configKeys: {
      dump: `${KIND}/dump`,
      publisherObjects: `${KIND}/publisher-objects`,
      workerCdnTransfer: `${KIND}/worker-cdn-transfer`,
    },
    environment: {
      PUBSUB_EMULATOR_HOST: pubsub.host,
      DATASTORE_EMULATOR_HOST: datastore.host,
      SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
    },
    close: () => running.disposeAsync(),
  };
}
