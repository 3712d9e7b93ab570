import { subfolderPrefix } from '@object-transfer/core/domain/key-mapping';
import { DEFAULT_MAX_RSYNC_ATTEMPTS } from '@object-transfer/core/domain/subfolder';
import type { EmbeddedQueueControl } from '@object-transfer/core/ports/message-queue';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import type { Logger } from '@object-transfer/core/runtime/logger';
import {
  isLeaseOwnerGone,
  isLeaseOwnerHere,
  type ProcessIdentity,
} from '@object-transfer/core/runtime/process-identity';
import { withRegisteredRun } from '@object-transfer/core/runtime/registered-run';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { sweepDeadParts } from '@object-transfer/worker/cdn-transfer/sweep-dead-parts';
import type { MigrationReport, ReportedFailure } from './migration-report.ts';
import { MigrationTracker, type MigrationProgress } from './migration-progress.ts';
import { reportMigration } from './report-migration.ts';
import { verifySubfolders, type VerifyContext } from './verify-subfolders.ts';
import { waitForRoom, waitUntilDrained } from './wait-until-drained.ts';

/**
 * The whole migration on one machine:
 *
 *   listing       `dump` adds the subfolders that are new to the state.
 *   transferring  The publisher puts the objects of every unpublished subfolder on the queue while the workers already
 *                 take them off again; over when the publisher has finished and nothing is left on the queue.
 *   checking      Every subfolder is compared with the destination, object by object. What is missing or different
 *                 and was not tried to its end in this run goes back to transferring, and so does a subfolder that has
 *                 appeared at the source meanwhile: a bounded number of times.
 *
 * Every step reads what it has to do from the state, so a run that was killed at any moment is resumed by running
 * it again: published subfolders are not listed again for publishing, acked messages are not handled again, and objects
 * that arrived before a crash are found there and skipped. What a dead run held is taken over at once.
 */
export interface MigrationOptions {
  readonly verification: Omit<VerifyContext, 'runStartedAt' | 'republish' | 'onChecked' | 'onPublished' | 'makeRoom'>;
  /** Where temporary parts lie. */
  readonly parts: ObjectDestination;
  readonly queue: EmbeddedQueueControl;
  readonly steps: MigrationSteps;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  /** Times that what a comparison found unequal is transferred once more; default 3. */
  readonly maxRepairs?: number | undefined;
  /** Messages on the queue beyond which publishing waits; default 20,000: minutes of work, and megabytes of disk. */
  readonly maxWaitingMessages?: number | undefined;
  /** Called about once a second, and at every change of phase. */
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** What the modules do; wired by the caller. */
interface MigrationSteps {
  /** @returns how many subfolders were new */
  dump(signal: AbortSignal): Promise<number>;
  publish(request: {
    /** Waits until the queue has room again. */
    readonly waitForRoom: () => Promise<void>;
    readonly onPublished: (objects: number, bytes: number) => void;
    readonly signal: AbortSignal;
  }): Promise<{
    readonly failures: readonly PublishFailure[];
    /** Unpublished, and under the lease of a process that may or may not live. */
    readonly leasedByOthers: number;
  }>;
  /** Starts the worker processes, or one worker in this process. */
  startWorkers(runId: string): Promise<WorkerGroup>;
}

/** A subfolder whose objects could not be published. */
interface PublishFailure {
  readonly dirKey: string;
  readonly code: string;
  readonly message: string;
}

export interface WorkerGroup {
  /** Rejects when the workers cannot be kept running; resolves after `stop`. */
  readonly ended: Promise<void>;
  /** Lets them finish what they hold. */
  stop(): Promise<void>;
}

const MAX_WAITING_MESSAGES = 20_000;
/** Between looks at subfolders that somebody else holds. */
const LEASE_POLL_MS = 1_000;

/**
 * @throws StateError `STATE_RUN_ACTIVE` where the same state file is being
 *   worked on already; the reason of `signal` when it aborts: the next run resumes
 */
export async function runMigration(options: MigrationOptions, signal: AbortSignal): Promise<MigrationReport> {
  const { stateStore } = options.verification;
  return withRegisteredRun(
    { stateStore, job: 'run', identity: options.identity, logger: options.logger },
    async (runId, lost) => {
      const report = await migrate(options, runId, AbortSignal.any([signal, lost]));
      const { listed, transferred, skipped, failed } = report.objects;
      const exitMessage = `${listed} listed, ${transferred} transferred, ${skipped} skipped, ${failed} failed`;
      return { succeeded: report.verified, exitMessage, value: report };
    },
  );
}

async function migrate(options: MigrationOptions, runId: string, signal: AbortSignal): Promise<MigrationReport> {
  const { stateStore, mapping } = options.verification;
  const startedAt = new Date();
  const startedAtMs = performance.now();
  const tracker = new MigrationTracker(stateStore, runId, options.onProgress, options.logger);
  try {
    await takeOverFromDead(options, signal);
    await tracker.enter('listing');
    await options.steps.dump(signal);
    let subfolderFailures: readonly ReportedFailure[] = [];
    const lastRound = 1 + (options.maxRepairs ?? DEFAULT_MAX_RSYNC_ATTEMPTS);
    const rounds = { checks: 0, repairs: 0, objectsRepaired: 0 };
    for (let round = 1; round <= lastRound; round++) {
      tracker.subfolders = (await stateStore.countSubfolders()).total;
      await tracker.enter('transferring');
      const notPublished = await transfer(options, runId, tracker, signal);
      await tracker.enter('checking');
      const checked = await verifySubfolders(
        {
          ...options.verification,
          runStartedAt: startedAt,
          republish: round < lastRound,
          makeRoom: (checkSignal) => workOff(options, runId, checkSignal),
          onPublished: (objects, bytes) => tracker.addPublished(objects, bytes),
          onChecked: () => tracker.subfoldersChecked++,
        },
        signal,
      );
      subfolderFailures = [...notPublished, ...checked.failures];
      rounds.checks++;
      if (checked.republished > 0) rounds.repairs++;
      rounds.objectsRepaired += checked.republished;
      const newSubfolders = await options.steps.dump(signal);
      if (checked.republished === 0 && newSubfolders === 0 && !checked.mayPass) break;
      options.logger.warn(
        { objects: checked.republished, newSubfolders, subfolders: checked.failures.length, round },
        'not everything is equal at the destination; going on with what is not',
      );
    }
    // No worker is left by now. An upload that one of them gave up may have arrived after its name was deleted.
    await sweep(options, (owner) => isLeaseOwnerHere(owner) || isLeaseOwnerGone(owner), signal);
    return await reportMigration({
      stateStore,
      mapping,
      worked: await tracker.workerTotals(),
      subfolderFailures,
      rounds,
      elapsedMs: Math.round(performance.now() - startedAtMs),
    });
  } finally {
    tracker.stop();
  }
}

async function takeOverFromDead(options: MigrationOptions, signal: AbortSignal): Promise<void> {
  const subfolders = await options.verification.stateStore.reclaimLeases(isLeaseOwnerGone);
  const messages = await options.queue.reclaimLeases(isLeaseOwnerGone);
  if (subfolders + messages > 0) {
    options.logger.info({ subfolders, messages }, 'took over from a process that is gone');
  }
  await sweep(options, isLeaseOwnerGone, signal);
}

function sweep(
  { parts, verification, logger }: MigrationOptions,
  isDead: (processId: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { gcsRootPrefix } = verification.mapping;
  return sweepDeadParts({ destination: parts, gcsRootPrefix, isDead }, logger, signal);
}

function roomOnQueue(options: MigrationOptions, signal: AbortSignal): Promise<void> {
  return waitForRoom(options.queue, options.verification.objectTopic, maxWaiting(options), signal);
}

function maxWaiting(options: MigrationOptions): number {
  return options.maxWaitingMessages ?? MAX_WAITING_MESSAGES;
}

/** No worker is there while subfolders are compared: a queue that is full by then would never have room again. */
async function workOff(options: MigrationOptions, runId: string, signal: AbortSignal): Promise<void> {
  const { queue, verification } = options;
  if ((await queue.backlog(verification.objectTopic)).waiting <= maxWaiting(options)) return;
  await withWorkers(options, runId, signal, (workSignal) =>
    waitUntilDrained(queue, verification.objectTopic, workSignal),
  );
}

/** Publishes and transfers until nothing is left to do. */
function transfer(
  options: MigrationOptions,
  runId: string,
  tracker: MigrationTracker,
  signal: AbortSignal,
): Promise<readonly ReportedFailure[]> {
  const { mapping, objectTopic } = options.verification;
  return withWorkers(options, runId, signal, async (workSignal) => {
    const failures = await publishAll(options, tracker, workSignal);
    tracker.publishingDone = true;
    await waitUntilDrained(options.queue, objectTopic, workSignal);
    return failures.map(({ dirKey, code, message }) => ({ key: subfolderPrefix(mapping, dirKey), code, message }));
  });
}

/** @param work gets a signal that aborts when the workers cannot be kept running, too */
async function withWorkers<T>(
  options: MigrationOptions,
  runId: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const workers = await options.steps.startWorkers(runId);
  const failure = new AbortController();
  const workersEnded = workers.ended.catch((error: unknown) => failure.abort(error));
  try {
    return await work(AbortSignal.any([signal, failure.signal]));
  } finally {
    await workers.stop();
    await workersEnded;
    // A worker process that crashed has left its parts behind.
    if (!signal.aborted) await sweep(options, isLeaseOwnerGone, signal);
  }
}

/** A run has the state to itself: leases of processes that cannot be asked whether they live run out. */
async function publishAll(
  options: MigrationOptions,
  tracker: MigrationTracker,
  signal: AbortSignal,
): Promise<readonly PublishFailure[]> {
  const giveUpAt = performance.now() + options.verification.leaseMs + LEASE_POLL_MS;
  for (;;) {
    const { failures, leasedByOthers } = await options.steps.publish({
      waitForRoom: () => roomOnQueue(options, signal),
      onPublished: (objects, bytes) => tracker.addPublished(objects, bytes),
      signal,
    });
    if (leasedByOthers === 0 || performance.now() > giveUpAt) return failures;
    await sleep(LEASE_POLL_MS, signal);
  }
}
