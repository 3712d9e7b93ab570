import { startDatastoreServer, type DatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import {
  startPubsubServer,
  type PubsubServer,
  type PubsubServerOptions,
} from '@object-transfer/local-cloud/pubsub/pubsub-server';
import {
  startSecretManagerServer,
  type SecretManagerServer,
} from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import type { MysqlHome } from '../services/mariadb-database.ts';
import { createMysqlHome } from '../services/mariadb-home.ts';
import { RunningCommand, type CommandResult } from './command.ts';
import { Rehearsal, type RehearsalOptions } from './rehearsal.ts';

type Properties = Parameters<DatastoreServer['putEntity']>[3];

export interface FleetOptions extends RehearsalOptions {
  readonly pubsub?: PubsubServerOptions;
  /** Where the tables are; default a database of its own on the server of all tests. */
  readonly home?: MysqlHome;
}

/** A rehearsal with everything that a fleet runs on: what is configured, and how, each test says. */
export class Fleet {
  readonly rehearsal: Rehearsal;
  readonly pubsub: PubsubServer;
  readonly datastore: DatastoreServer;
  readonly secretManager: SecretManagerServer;
  readonly home: MysqlHome;
  readonly environment: Readonly<Record<string, string>>;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(
    rehearsal: Rehearsal,
    services: Pick<Fleet, 'pubsub' | 'datastore' | 'secretManager' | 'home'>,
    cleanup: AsyncDisposableStack,
  ) {
    this.rehearsal = rehearsal;
    this.pubsub = services.pubsub;
    this.datastore = services.datastore;
    this.secretManager = services.secretManager;
    this.home = services.home;
    this.#cleanup = cleanup;
    const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...withoutKeys } = rehearsal.environment;
    this.environment = {
      // The keys are in a secret.
      ...withoutKeys,
      PUBSUB_EMULATOR_HOST: this.pubsub.host,
      DATASTORE_EMULATOR_HOST: this.datastore.host,
      SECRET_MANAGER_EMULATOR_HOST: this.secretManager.host,
    };
  }

  static async start(options: FleetOptions = {}): Promise<Fleet> {
    await using starting = new AsyncDisposableStack();
    const rehearsal = starting.use(await Rehearsal.start(options));
    const adopt = <T extends { close(): Promise<void> }>(server: T): T =>
      starting.adopt(server, (running) => running.close());
    const home = starting.adopt(options.home ?? (await createMysqlHome()), (made) => made.dispose());
    const pubsub = adopt(await startPubsubServer(options.pubsub));
    const datastore = adopt(await startDatastoreServer());
    const secretManager = adopt(await startSecretManagerServer());
    return new Fleet(rehearsal, { pubsub, datastore, secretManager, home }, starting.move());
  }

  get table(): string {
    return this.home.table;
  }

  /** `mysql_config` of a secret. */
  get mysqlConfig(): Readonly<Record<string, unknown>> {
    const { host, port, user, password, database } = this.home.connection;
    return { host, port, user, password, database, ssl_disabled: true };
  }

  putEntity(name: string, properties: Properties): void {
    this.datastore.putEntity(PROJECT, KIND, name, properties);
  }

  putSecret(id: string, text: string): void {
    this.secretManager.putSecret(PROJECT, id, text);
  }

  start(...args: readonly string[]): RunningCommand {
    return new RunningCommand(args, { cwd: this.rehearsal.directory, environment: this.environment });
  }

  /** Runs a command to its end. */
  async command(...args: readonly string[]): Promise<CommandResult> {
    await using command = this.start(...args);
    return await command.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

export const PROJECT = 'example-project';
const KIND = 'ObjectTransfer';

/** As the reference tool spells it. */
export function configuredBy(entity: string): readonly string[] {
  return ['--gcp_project', PROJECT, '--config_key', `${KIND}/${entity}`];
}
