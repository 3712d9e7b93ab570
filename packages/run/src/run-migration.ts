import { subfolderPrefix } from '@object-transfer/core/domain/key-mapping';
import { isVerified } from '@object-transfer/core/domain/subfolder';
import type { EmbeddedQueueControl } from '@object-transfer/core/ports/message-queue';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { isLeaseOwnerGone, type ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { withRegisteredRun } from '@object-transfer/core/runtime/registered-run';
import { sweepParts } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import { createReport, MAX_REPORTED_FAILURES, type MigrationReport, type ReportedFailure } from './migration-report.ts';
import { MigrationTracker, type MigrationProgress } from './migration-progress.ts';
import { verifySubfolders, type VerifyContext } from './verify-subfolders.ts';
import { waitForRoom, waitUntilDrained } from './wait-until-drained.ts';

/**
 * The whole migration on one machine:
 *
 *   listing       `dump` adds the subfolders that are new to the state.
 *   transferring  The publisher puts the objects of every unpublished subfolder on the queue while the workers already
 *                 take them off again; over when the publisher has finished and nothing is left on the queue.
 *   checking      Every subfolder is compared with the destination, object by object. What is missing or different
 *                 and was not tried to its end in this run goes back to transferring, a bounded number of times.
 *
 * Every step reads what it has to do from the state, so a run that was killed at any moment is resumed by running
 * it again: published subfolders are not listed again for publishing, acked messages are not handled again, and objects
 * that arrived before a crash are found there and skipped. What a dead run held is taken over at once.
 */
export interface MigrationOptions {
  readonly verification: Omit<VerifyContext, 'runStartedAt' | 'republish' | 'onChecked'>;
  readonly queue: EmbeddedQueueControl;
  readonly steps: MigrationSteps;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  /** Called about once a second, and at every change of phase. */
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** What the modules do; wired by the caller. */
interface MigrationSteps {
  dump(signal: AbortSignal): Promise<void>;
  publish(request: {
    /** Waits until the queue has room again. */
    readonly waitForRoom: () => Promise<void>;
    readonly onPublished: (objects: number, bytes: number) => void;
    readonly signal: AbortSignal;
  }): Promise<{ readonly failures: readonly PublishFailure[] }>;
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

/** Rounds of transferring and checking, the first included. */
const MAX_ROUNDS = 3;
/** Messages on the queue beyond which publishing waits: minutes of work, and megabytes of disk. */
const MAX_WAITING_MESSAGES = 20_000;

/**
 * @throws StateError `STATE_RUN_ACTIVE` where the same state file is being
 *   worked on already; the reason of `signal` when it aborts: the next run resumes
 */
export async function runMigration(options: MigrationOptions, signal: AbortSignal): Promise<MigrationReport> {
  const { stateStore } = options.verification;
  return withRegisteredRun(
    { stateStore, job: 'run', identity: options.identity, logger: options.logger },
    async (runId) => {
      const report = await migrate(options, runId, signal);
      const { listed, transferred, skipped, failed } = report.objects;
      const exitMessage = `${listed} listed, ${transferred} transferred, ${skipped} skipped, ${failed} failed`;
      return { succeeded: report.verified, exitMessage, value: report };
    },
  );
}

async function migrate(options: MigrationOptions, runId: string, signal: AbortSignal): Promise<MigrationReport> {
  const { stateStore } = options.verification;
  const startedAt = new Date();
  const tracker = new MigrationTracker(stateStore, runId, options.onProgress, options.logger);
  await takeOverFromDead(options, signal);
  try {
    await tracker.enter('listing');
    await options.steps.dump(signal);
    tracker.subfolders = (await stateStore.countSubfolders()).total;
    let failures: readonly ReportedFailure[] = [];
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      await tracker.enter('transferring');
      const publishFailures = await transfer(options, runId, tracker, signal);
      await tracker.enter('checking');
      const verified = await verifySubfolders(
        {
          ...options.verification,
          runStartedAt: startedAt,
          republish: round < MAX_ROUNDS,
          onChecked: () => tracker.subfoldersChecked++,
        },
        signal,
      );
      failures = [...publishFailures, ...verified.failures];
      if (verified.republished === 0) break;
      options.logger.warn(
        { objects: verified.republished, round },
        'objects were not equal at the destination; transferring them again',
      );
    }
    return await reportOf(options, tracker, failures, Date.now() - startedAt.getTime());
  } finally {
    tracker.stop();
  }
}

async function takeOverFromDead(options: MigrationOptions, signal: AbortSignal): Promise<void> {
  const { stateStore, destination, mapping } = options.verification;
  const subfolders = await stateStore.reclaimLeases(isLeaseOwnerGone);
  const messages = await options.queue.reclaimLeases(isLeaseOwnerGone);
  const parts = await sweepParts(destination, mapping.gcsRootPrefix, isLeaseOwnerGone, signal);
  if (subfolders + messages + parts > 0) {
    options.logger.info({ subfolders, messages, parts }, 'took over from a process that is gone');
  }
}

/** Publishes and transfers until nothing is left to do. */
async function transfer(
  options: MigrationOptions,
  runId: string,
  tracker: MigrationTracker,
  signal: AbortSignal,
): Promise<readonly ReportedFailure[]> {
  const { objectTopic } = options.verification;
  const workers = await options.steps.startWorkers(runId);
  const failure = new AbortController();
  const workersEnded = workers.ended.catch((error: unknown) => failure.abort(error));
  const stepSignal = AbortSignal.any([signal, failure.signal]);
  const publishAndDrain = async () => {
    const { failures } = await options.steps.publish({
      waitForRoom: () => waitForRoom(options.queue, objectTopic, MAX_WAITING_MESSAGES, stepSignal),
      onPublished: (objects, bytes) => tracker.addPublished(objects, bytes),
      signal: stepSignal,
    });
    tracker.publishingDone = true;
    await waitUntilDrained(options.queue, objectTopic, stepSignal);
    return failures;
  };
  try {
    const failures = await publishAndDrain();
    return failures.map(({ dirKey, code, message }) => ({
      key: subfolderPrefix(options.verification.mapping, dirKey),
      code,
      message,
    }));
  } finally {
    await workers.stop();
    await workersEnded;
  }
}

async function reportOf(
  options: MigrationOptions,
  tracker: MigrationTracker,
  subfolderFailures: readonly ReportedFailure[],
  elapsedMs: number,
): Promise<MigrationReport> {
  const { stateStore } = options.verification;
  const totals = { subfolders: 0, unverified: 0, objects: 0, bytes: 0, notEqual: 0 };
  let after: string | undefined;
  for (;;) {
    const rows = await stateStore.listSubfolders(after, 1_000);
    if (rows.length === 0) break;
    for (const row of rows) {
      totals.subfolders++;
      if (!isVerified(row)) totals.unverified++;
      totals.objects += row.s3ObjectCount;
      totals.bytes += row.s3SizeBytes;
      totals.notEqual += row.missingCount + row.mismatchedCount;
    }
    after = rows.at(-1)?.dirKey;
  }
  const objectErrors = await stateStore.listOpenObjectErrors({ limit: MAX_REPORTED_FAILURES });
  const worked = await tracker.workerTotals();
  return createReport({
    subfolders: totals.subfolders,
    unverifiedSubfolders: totals.unverified,
    objectsListed: totals.objects,
    bytesListed: totals.bytes,
    objectsNotEqual: totals.notEqual,
    objectsTransferred: worked.objectsTransferred,
    bytesTransferred: worked.bytesTransferred,
    failures: [...subfolderFailures, ...objectErrors.map(({ key, code, message }) => ({ key, code, message }))],
    elapsedMs,
  });
}
