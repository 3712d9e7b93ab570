import type { IncomingMessage, ServerResponse } from 'node:http';
import { preparePubsub } from '@object-transfer/core/queue/prepare-pubsub';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import type { RunningCommand } from '../e2e/command.ts';
import { configuredBy, Fleet, PROJECT } from '../e2e/fleet.ts';
import { DESTINATION_BUCKET, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import type { MysqlHome } from '../services/mariadb-database.ts';
import { Moments } from './fleet-moments.ts';
import { DESTINATION_ROOT, FleetSource, SOURCE_ROOT } from './fleet-source.ts';
import { StatementProxy } from './fleet-statement-proxy.ts';

/** What flows from publishers to workers: the topic, and the subscription of the same name. */
export type Flow = 'objects' | 'checks' | 'repairs';
export const ERRORS = 'errors';

const ENTITY = 'Faults';
const SECRET = 'credentials';
/** The least that the settings allow. */
const LEASE_SECONDS = 10;
/** Longer than any lease, and any delay between deliveries. */
const LONG_MS = 700_000;

/** What each process is started with, beside its configuration. */
const MODULES = {
  dump: ['dump'],
  'publisher objects': ['publisher', 'objects', '--pubsub-topic-id', 'objects'],
  'publisher sync-check': ['publisher', 'sync-check', '--once', '--pubsub-topic-id', 'checks'],
  'publisher rsync': ['publisher', 'rsync', '--once', '--pubsub-topic-id', 'repairs'],
  'worker cdnTransfer': ['worker', 'cdnTransfer', '--pubsub-subscription-id', 'objects'],
  'worker syncCheck': ['worker', 'syncCheck', '--pubsub-subscription-id', 'checks'],
  'worker rsync': ['worker', 'rsync', '--pubsub-subscription-id', 'repairs'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type ModuleName = keyof typeof MODULES;

/**
 * A fleet whose servers tell {@link Moments} of all that its processes send: S3, the CDN, GCS and the database. Its Pub/Sub
 * has a clock that only moves when told, and its tables and topics are there.
 */
export class FaultRig implements AsyncDisposable {
  readonly fleet: Fleet;
  readonly moments: Moments;
  readonly source: FleetSource;
  /** As another program sees the state: past the proxy. */
  readonly store: StateStore;
  readonly #clock: { nowMs: number };
  readonly #cleanup: AsyncDisposableStack;

  private constructor(
    parts: Pick<FaultRig, 'fleet' | 'moments' | 'store'>,
    clock: { nowMs: number },
    cleanup: AsyncDisposableStack,
  ) {
    this.fleet = parts.fleet;
    this.moments = parts.moments;
    this.store = parts.store;
    this.source = new FleetSource(parts.fleet.rehearsal);
    this.#clock = clock;
    this.#cleanup = cleanup;
  }

  /** @param options `home`: where the tables are to be, in place of the server of all tests */
  static async start(options: { readonly home?: MysqlHome; readonly seed?: number } = {}): Promise<FaultRig> {
    await using starting = new AsyncDisposableStack();
    const moments = new Moments();
    // A minute behind: what a worker does is later than the publishing of its message, also by whole seconds.
    const clock = { nowMs: Date.now() - 60_000 };
    const fleet = starting.use(
      await Fleet.start({
        ...(options.home === undefined ? {} : { home: options.home }),
        pubsub: { now: () => clock.nowMs, seed: options.seed },
        interceptS3: seenBy(moments, 'S3'),
        distribution: { intercept: seenBy(moments, 'CDN') },
        interceptGcs: seenBy(moments, 'GCS'),
      }),
    );
    const proxy = starting.use(
      await StatementProxy.start(fleet.home.connection.port, (statement) => moments.see(statement)),
    );
    putConfiguration(fleet, proxy.port);
    const state = { connection: fleet.home.connection, table: fleet.table };
    await prepareMysqlState(state);
    const store = starting.adopt(await openMysqlState(state), (opened) => opened.close());
    const flows: readonly Flow[] = ['objects', 'checks', 'repairs'];
    await preparePubsub({
      projectId: PROJECT,
      emulatorHost: fleet.pubsub.host,
      topics: [...flows, ERRORS],
      subscriptions: flows.map((flow) => ({ name: flow, topic: flow, deadLetterTopic: ERRORS })),
    });
    // Before the servers go, what they hold is let go.
    starting.defer(() => moments.close());
    return new FaultRig({ fleet, moments, store }, clock, starting.move());
  }

  start(module: ModuleName, ...flags: readonly string[]): RunningCommand {
    return this.fleet.start(...MODULES[module], ...configuredBy(ENTITY), ...flags, '--json');
  }

  /** What the messages of a flow have come to. */
  queue(flow: Flow) {
    const stats = this.fleet.pubsub.stats().subscriptions[`projects/${PROJECT}/subscriptions/${flow}`];
    if (stats === undefined) throw new Error(`there is no subscription ${flow}`);
    return stats;
  }

  /** True where every message of a flow is acked. */
  isDrained(flow: Flow): boolean {
    const { waiting, outstanding } = this.queue(flow);
    return waiting === 0 && outstanding === 0;
  }

  /**
   * So much time passes that whatever a process held that does nothing meanwhile is free: its leases of rows, its run, and
   * its messages.
   */
  async passTime(): Promise<void> {
    const { home, table } = this.fleet;
    await this.#endSilentTransactions();
    await home.query(`UPDATE ${table} SET lease_expires_at = 1 WHERE lease_owner IS NOT NULL`);
    await home.query(`UPDATE ${table}_runs SET heartbeat_at = heartbeat_at - ${LONG_MS} WHERE status = 'RUNNING'`);
    this.passQueueTime();
  }

  /** As the server does with a session that says nothing for longer than its `wait_timeout`. */
  async #endSilentTransactions(): Promise<void> {
    const open = await this.fleet.home.query(
      `SELECT id FROM information_schema.processlist JOIN information_schema.innodb_trx ON trx_mysql_thread_id = id
        WHERE db = DATABASE() AND command = 'Sleep'`,
    );
    for (const { id } of open) await this.fleet.home.query(`KILL ${String(id)}`);
  }

  /** The same for messages alone. A lease that has run out is followed by the delay of the retry policy. */
  passQueueTime(): void {
    for (let times = 0; times < 2; times++) {
      this.#clock.nowMs += LONG_MS;
      this.fleet.pubsub.settleDue();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

function seenBy(moments: Moments, server: string): RequestInterceptor {
  return async (request: IncomingMessage, response: ServerResponse) => {
    const verdict = await moments.see(`${server} ${request.method} ${request.url}`);
    if (verdict === 'drop') response.destroy();
    return verdict === 'drop';
  };
}

/** One entity for all modules: each reads what it knows. */
function putConfiguration(fleet: Fleet, mysqlPort: number): void {
  fleet.putEntity(ENTITY, {
    gcp_project: PROJECT,
    credentials_secret_id: SECRET,
    mysql_table: fleet.table,
    aws_region: 'us-east-1',
    s3_bucket: SOURCE_BUCKET,
    s3_root_prefix: SOURCE_ROOT,
    gcs_bucket: DESTINATION_BUCKET,
    gcs_root_prefix: DESTINATION_ROOT,
    cloudfront_url_host_pre: `${fleet.rehearsal.cdn.url}/`,
    error_pubsub_topic_id: ERRORS,
    lease_seconds: LEASE_SECONDS,
    num_single_message: 4,
    parallel_from_mib: 1,
    part_size_mib: 1,
  });
  const mysql = { ...fleet.mysqlConfig, port: mysqlPort };
  fleet.putSecret(SECRET, JSON.stringify({ aws_key_id: 'local', aws_key_secret: 'local', mysql_config: mysql }));
}
