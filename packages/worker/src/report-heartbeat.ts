import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { StateStore, WorkerReport } from '@object-transfer/core/ports/state-store';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { unlessAborted } from '@object-transfer/core/runtime/unless-aborted';
import { jittered } from './jittered.ts';

/** Who reports, and to whom. */
export interface HeartbeatOptions {
  readonly stateStore: Pick<StateStore, 'reportWorker'>;
  readonly identity: ProcessIdentity;
  /** The run that this worker belongs to, where there is one. */
  readonly runId: string | undefined;
  readonly logger: Logger;
  /**
   * Between two reports to the state, give or take a fifth. Default 1,000 for the worker of a run, which shows what its
   * workers do; 12,500 for any other: hundreds of them share one database.
   */
  readonly heartbeatMs?: number | undefined;
}

/** What is reported. */
export interface HeartbeatSubject {
  readonly name: string;
  readonly counters: { toRecord(): WorkerReport['counters'] };
}

const RUN_HEARTBEAT_MS = 1_000;
/** A worker whose last report is a minute old is gone: it may miss three. */
const FLEET_HEARTBEAT_MS = 12_500;
/** What the last report gets: a worker that ends does not wait for a state that is away. */
const LAST_REPORT_MS = 3_000;

/**
 * Reports a worker to the state for the first time, and again and again.
 * @returns ends that, with a last report
 * @throws what the first report throws, unless `stop` has aborted
 */
export async function beginHeartbeat(
  options: HeartbeatOptions,
  { name, counters }: HeartbeatSubject,
  stop: AbortSignal,
): Promise<() => Promise<void>> {
  const report = (hasEnded: boolean) =>
    options.stateStore.reportWorker({
      workerId: options.identity.id,
      runId: options.runId,
      mode: name,
      host: options.identity.host,
      pid: options.identity.pid,
      counters: counters.toRecord(),
      hasEnded,
    });
  try {
    await unlessAborted(report(false), stop);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  const tryToReport = (hasEnded: boolean) =>
    report(hasEnded).catch((error: unknown) => {
      options.logger.warn(errorFields(error), 'the heartbeat could not be stored');
    });
  const { heartbeatMs = options.runId === undefined ? FLEET_HEARTBEAT_MS : RUN_HEARTBEAT_MS } = options;
  let reporting: Promise<void> | undefined;
  const heartbeat = setInterval(() => {
    // One at a time: while the state is away they would pile up.
    reporting ??= tryToReport(false).finally(() => {
      reporting = undefined;
    });
  }, jittered(heartbeatMs));
  return async () => {
    clearInterval(heartbeat);
    const lastReport = Promise.resolve(reporting).then(() => tryToReport(true));
    const done = new AbortController();
    await Promise.race([lastReport, sleep(LAST_REPORT_MS, done.signal).catch(() => undefined)]);
    done.abort();
  };
}
