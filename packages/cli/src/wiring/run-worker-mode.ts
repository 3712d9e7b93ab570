import { createProcessIdentity, isLeaseOwnerGone } from '@object-transfer/core/runtime/process-identity';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { withRegisteredRun } from '@object-transfer/core/runtime/registered-run';
import { keepSweeping } from '@object-transfer/worker/cdn-transfer/keep-sweeping';
import type { CommandContext } from '../command-context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { checkDestination } from './destination.ts';
import { leaveInTime } from './leave-in-time.ts';
import { openBackends, tieState, type Backends } from './open-backends.ts';
import type { OpenWorker, WorkerReporting } from './open-worker.ts';
import { workerPubsub, workerQueues } from './pubsub.ts';
import { openServices } from './services.ts';
import type { CommonWorkerSettings, Counters, WorkerMode } from './worker-modes.ts';
import { startWorkerProcesses, type WorkerAssignment, type WorkerProcesses } from './worker-processes.ts';

/** A worker that is to be run. */
export interface WorkerJob<S extends CommonWorkerSettings> {
  readonly mode: WorkerMode<S>;
  readonly settings: S;
  readonly logger: Logger;
  /** Where another process, or a run, has begun it; otherwise it is registered as a run of its own. */
  readonly reporting: WorkerReporting | undefined;
  /** Another process has started this one, and has looked whether it can work. */
  readonly isAssigned: boolean;
}

/** Of a fleet whose workers are a run each: a row is written so often. */
const RUN_HEARTBEAT_MS = 10_000;
const WORKER_HEARTBEAT_MS = 12_500;
const END_GRACE_MS = 2_000;

/** Opens all that a worker needs, looks whether it can work, and closes it again. */
export async function withWorker<S extends CommonWorkerSettings, T>(
  { mode, settings, logger, isAssigned }: WorkerJob<S>,
  context: CommandContext,
  dryRun: boolean,
  use: (worker: OpenWorker, backends: Backends) => Promise<T> | T,
): Promise<T> {
  await using cleanup = new AsyncDisposableStack();
  const opening = { logger, signal: context.stop, cleanup };
  const identity = createProcessIdentity();
  const services = await openServices(settings, context.environment, opening);
  await checkDestination(settings, services.environment, context.stop);
  const state = { ...settings, overrides: mode.overrides(settings) };
  const backends = await openBackends(state, workerPubsub(settings), { ...opening, services, identity, dryRun });
  const queues = workerQueues(settings, mode.topics);
  const worker = await mode.open({ settings, queues, services, backends, identity, logger });
  cleanup.defer(() => worker.close());
  if (!isAssigned) await worker.check(context.stop);
  await tieState(backends.stateStore, settings, dryRun);
  return await use(worker, backends);
}

/** Works in this process. @returns what was done until told to stop */
export async function runWorkerMode<S extends CommonWorkerSettings>(
  job: WorkerJob<S>,
  context: CommandContext,
): Promise<Counters> {
  const { mode, settings, logger } = job;
  let running: OpenWorker | undefined;
  using ending = new DisposableStack();
  ending.use(
    leaveInTime({
      stop: context.stop,
      logger,
      exitCode: EXIT_CODES.done,
      left: () => ({ held: running?.held, counters: running?.counters.toRecord() }),
    }),
  );
  return await withWorker(job, context, false, async (worker, backends) => {
    running = worker;
    const { subscription } = workerQueues(settings, mode.topics);
    const counters = (): Counters => worker.counters.toRecord();
    await registered(job, { ...backends, worker }, counters, context, async (reporting, stop) => {
      if (!job.isAssigned) logger.info({ subscription }, 'taking messages');
      await worker.run(stop, reporting);
    });
    return worker.counters.toRecord();
  });
}

/** Beyond what the worker processes take for themselves. */
const LEAVE_AFTER_PROCESSES_MS = 27_000;

/** Works in processes of their own. @param given the settings as they were given, for them */
export async function runWorkerProcesses<S extends CommonWorkerSettings>(
  job: WorkerJob<S>,
  given: Pick<WorkerAssignment, 'deployment' | 'settings'>,
  context: CommandContext,
): Promise<Counters> {
  const { mode, logger, settings } = job;
  let running: WorkerProcesses | undefined;
  using ending = new DisposableStack();
  ending.use(
    leaveInTime({
      stop: context.stop,
      logger,
      exitCode: EXIT_CODES.done,
      left: () => ({ processes: running?.running, counters: running?.counters }),
      leaveMs: LEAVE_AFTER_PROCESSES_MS,
    }),
  );
  // What is wrong is said once, and not by each process.
  return await withWorker(job, context, false, async (worker, backends) => {
    await registered(
      job,
      { ...backends, worker },
      () => running?.counters ?? {},
      context,
      async (reporting, stop) => {
        const group = startWorkerProcesses({
          count: settings.processes,
          assignment: { mode: mode.name, reporting, ...given },
          variables: context.environment.variables,
          logger,
          onCrash: async () => {
            await backends.queueControl?.reclaimLeases(isLeaseOwnerGone);
          },
        });
        running = group;
        logger.info({ processes: settings.processes }, 'worker processes started');
        const onStop = () => void group.stop();
        if (stop.aborted) onStop();
        else stop.addEventListener('abort', onStop, { once: true });
        await group.ended;
      },
    );
    return running?.counters ?? {};
  });
}

/** A worker that nobody else accounts for has a row in the runs table, and looks after what dead ones left behind. */
async function registered<S extends CommonWorkerSettings>(
  { mode, reporting, logger }: WorkerJob<S>,
  { stateStore, worker }: Backends & { readonly worker: OpenWorker },
  counters: () => Counters,
  context: CommandContext,
  work: (reporting: WorkerReporting, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  if (reporting !== undefined) {
    await work(reporting, context.stop);
    return;
  }
  const run = {
    stateStore,
    job: `worker ${mode.name}`,
    isShared: true,
    identity: createProcessIdentity(),
    logger,
    heartbeatMs: RUN_HEARTBEAT_MS,
    endGraceMs: END_GRACE_MS,
    signal: context.stop,
    counters,
  };
  await withRegisteredRun(run, async (runId, lost) => {
    await using ending = new AsyncDisposableStack();
    if (worker.parts !== undefined) ending.defer(keepSweeping({ ...worker.parts, stateStore, logger }));
    await work({ runId, heartbeatMs: WORKER_HEARTBEAT_MS }, AbortSignal.any([context.stop, lost]));
    return { succeeded: true, exitMessage: 'told to stop', value: undefined };
  });
}
