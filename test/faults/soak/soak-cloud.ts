import { mkdtemp, rm } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startCloudFrontServer } from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { startDatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { startPubsubServer, type PubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { startSecretManagerServer } from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import { bareEnvironment } from '../../e2e/rehearsal.ts';
import { RunningCommand } from '../../e2e/command.ts';
import { homeIn, type MysqlHome } from '../../services/mariadb-database.ts';
import { MariadbProxy } from '../../services/mariadb-proxy.ts';
import { startMariadb } from '../../services/mariadb.ts';
import { HostClock } from '../clock-shift.ts';
import { HttpFaultProxy } from '../http-fault-proxy.ts';
import { monitored } from '../limits-monitor.ts';
import type { HttpFaultPlan, Leg } from './http-fault-plan.ts';
import { DeleteWatch } from './delete-watch.ts';
import { ListingGate } from './listing-gate.ts';
import { ListingWatch } from './listing-watch.ts';
import { SoakQueues } from './soak-queues.ts';

const SOURCE_BUCKET = 'source';
export const DESTINATION_BUCKET = 'destination';
/** What a worker of the soak has under way at most, each way. */
export const MAX_CONCURRENCY = 24;

const QUERY_ATTEMPTS = 600;
const AWAY: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'PROTOCOL_CONNECTION_LOST',
  'ER_SERVER_SHUTDOWN',
]);

const PROJECT = 'soak-project';
const ENTITY = { kind: 'ObjectTransfer', name: 'Soak' };
const SECRET = 'soak-credentials';
const SIGNING_SECRET = 'soak-signing-key';
const KEY_PAIR_ID = 'KSOAK';

/** Everything that a fleet runs on, with something between each part and its clients that can break the connection. */
export class SoakCloud {
  readonly directory: string;
  readonly source: Bucket;
  /** Sees what is deleted at the destination. */
  readonly deletes: DeleteWatch;
  /** Holds listings of S3 back. */
  readonly listings: ListingGate;
  /** Sees what is listed at the destination. */
  readonly listed: ListingWatch;
  readonly gcs: GcsServer;
  readonly pubsub: PubsubServer;
  readonly queues: SoakQueues;
  readonly mariadb: Mariadb;
  readonly mariadbProxy: MariadbProxy;
  /** Straight to the database, past the faults. */
  readonly home: MysqlHome;
  readonly proxies: Readonly<Record<Leg, HttpFaultProxy>>;
  /** Where processes tell how they fared, see `limits-monitor.ts`. */
  readonly monitorFile: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #cleanup: AsyncDisposableStack;
  #clocks = 0;

  private constructor(
    parts: Pick<
      SoakCloud,
      | 'directory'
      | 'source'
      | 'deletes'
      | 'listings'
      | 'listed'
      | 'gcs'
      | 'pubsub'
      | 'mariadb'
      | 'mariadbProxy'
      | 'home'
      | 'proxies'
      | 'monitorFile'
    >,
    environment: Readonly<Record<string, string>>,
    cleanup: AsyncDisposableStack,
  ) {
    this.directory = parts.directory;
    this.source = parts.source;
    this.deletes = parts.deletes;
    this.listings = parts.listings;
    this.listed = parts.listed;
    this.gcs = parts.gcs;
    this.pubsub = parts.pubsub;
    this.queues = new SoakQueues(parts.pubsub, PROJECT);
    this.mariadb = parts.mariadb;
    this.mariadbProxy = parts.mariadbProxy;
    this.home = parts.home;
    this.proxies = parts.proxies;
    this.monitorFile = parts.monitorFile;
    this.#environment = environment;
    this.#cleanup = cleanup;
  }

  static async start(plan: HttpFaultPlan, seed: number): Promise<SoakCloud> {
    await using starting = new AsyncDisposableStack();
    const adopt = <T extends { close(): Promise<unknown> }>(part: T): T =>
      starting.adopt(part, async (running) => void (await running.close()));
    const directory = await mkdtemp(join(tmpdir(), 'object-transfer-soak-'));
    starting.defer(() => rm(directory, { recursive: true, force: true }));
    const keys = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const listings = new ListingGate();
    const s3 = adopt(await startS3Server({ buckets: { [SOURCE_BUCKET]: {} }, intercept: listings.intercept }));
    const source = s3.bucket(SOURCE_BUCKET);
    const deletes = new DeleteWatch((key) => source.content.stat(key) !== undefined);
    const listed = new ListingWatch();
    const origin = { url: s3.url, bucket: SOURCE_BUCKET };
    const cdn = adopt(await startCloudFrontServer({ origin, publicKeys: { [KEY_PAIR_ID]: keys.publicKey } }));
    const gcs = adopt(
      await startGcsServer({
        buckets: [DESTINATION_BUCKET],
        intercept: (request, response) => {
          deletes.see(request);
          listed.see(request, response);
          return false;
        },
      }),
    );
    const proxy = async (leg: Leg, targetUrl: string): Promise<HttpFaultProxy> =>
      starting.use(await HttpFaultProxy.start({ targetUrl, choose: (request) => plan.choose(leg, request) }));
    const proxies = {
      s3: await proxy('s3', s3.url),
      cdn: await proxy('cdn', cdn.url),
      gcs: await proxy('gcs', gcs.url),
    };
    const mariadb = adopt(await startMariadb({ isDurable: true }));
    const mariadbProxy = adopt(await MariadbProxy.start(mariadb.address.port));
    const home = await homeIn({ ...mariadb.address, database: 'soak', sslDisabled: true }, 'transfer_state', true);
    const pubsub = adopt(await startPubsubServer({ seed }));
    const datastore = adopt(await startDatastoreServer());
    const secretManager = adopt(await startSecretManagerServer());
    datastore.putEntity(PROJECT, ENTITY.kind, ENTITY.name, settingsFor(`${proxies.cdn.url}/`, home.table));
    const { host, user, password } = mariadb.address;
    const mysqlConfig = { host, port: mariadbProxy.port, user, password, database: 'soak', ssl_disabled: true };
    const credentials = { aws_key_id: 'local', aws_key_secret: 'local', mysql_config: mysqlConfig };
    secretManager.putSecret(PROJECT, SECRET, JSON.stringify(credentials));
    secretManager.putSecret(PROJECT, SIGNING_SECRET, keys.privateKey);
    const monitorFile = join(directory, 'monitor.jsonl');
    const environment = monitored(
      {
        ...bareEnvironment(directory),
        AWS_ENDPOINT_URL_S3: proxies.s3.url,
        STORAGE_EMULATOR_HOST: proxies.gcs.url,
        PUBSUB_EMULATOR_HOST: pubsub.host,
        DATASTORE_EMULATOR_HOST: datastore.host,
        SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
      },
      monitorFile,
    );
    const parts = {
      directory,
      source,
      deletes,
      listings,
      listed,
      gcs,
      pubsub,
      mariadb,
      mariadbProxy,
      home,
      proxies,
      monitorFile,
    };
    return new SoakCloud(parts, environment, starting.move());
  }

  /** A host's clock, which is right at first. */
  clock(): HostClock {
    this.#clocks++;
    return new HostClock(join(this.directory, `clock-${this.#clocks}`));
  }

  /** A command of the fleet, configured by the entity. @param clock of the host that it runs on; default: one that is right */
  command(args: readonly string[], clock?: HostClock): RunningCommand {
    const key = ['--gcp-project', PROJECT, '--config-key', `${ENTITY.kind}/${ENTITY.name}`];
    return new RunningCommand([...args, ...key], {
      cwd: this.directory,
      environment: clock?.environment(this.#environment) ?? this.#environment,
      // Called by its own name, as it is installed: its first line has flags for the memory.
      node: '/usr/bin/env',
    });
  }

  /** Of the source. */
  *keys(): Generator<string> {
    for (const cursor = this.source.content.cursor(''); cursor.key !== undefined; cursor.advance()) yield cursor.key;
  }

  /** Of an object of the source. */
  sizeOf(key: string): number | undefined {
    const object = this.source.content.stat(key);
    return object === undefined || object instanceof Promise ? undefined : object.size;
  }

  /** Asks the database, and waits for it where it is away: the soak takes it away itself. */
  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.home.query(sql);
      } catch (error) {
        if (attempt === QUERY_ATTEMPTS || !AWAY.has(String((error as NodeJS.ErrnoException).code))) throw error;
        await delay(100);
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanup.disposeAsync();
  }
}

/** Leases as short as they may be, so that what the dead held is taken over soon; signatures likewise, so that they are renewed. */
function settingsFor(cdnUrl: string, table: string) {
  return {
    gcp_project: PROJECT,
    mysql_table: table,
    credentials_secret_id: SECRET,
    aws_region: 'us-east-1',
    s3_bucket: SOURCE_BUCKET,
    gcs_bucket: DESTINATION_BUCKET,
    storage_class: 'ALL',
    cloudfront_url_host_pre: cdnUrl,
    url_signer_private_key_secret_id: SIGNING_SECRET,
    url_signer_key_pair_id: KEY_PAIR_ID,
    signed_url_expire_seconds: 60,
    lease_seconds: 10,
    num_single_message: 20,
    num_messages: 4,
    parallel_from_mib: 2,
    part_size_mib: 1,
    memory_budget_mib: 32,
    max_concurrency: MAX_CONCURRENCY,
    delete_extra: true,
    log_level: 'warn',
  };
}
