import { Option, type Command } from 'commander';
import { WORKER_CDN_TRANSFER } from '@object-transfer/core/config/modules';
import { StoppedError } from '@object-transfer/core/domain/errors';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { createProcessIdentity, isLeaseOwnerGone } from '@object-transfer/core/runtime/process-identity';
import { TransferCounters } from '@object-transfer/worker/cdn-transfer/transfer-counters';
import { EXIT_CODES } from '../exit-codes.ts';
import { nameModes } from '../options/name-modes.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatBytes, formatCount, formatCountOf } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { leaveInTime } from '../wiring/leave-in-time.ts';
import { loadAssignedSettings, loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openBackends, tieState, type Backends } from '../wiring/open-backends.ts';
import { workerPubsub, workerQueues } from '../wiring/pubsub.ts';
import { openServices } from '../wiring/services.ts';
import {
  checkDestination,
  openTransferWorker,
  type TransferWorker,
  type WorkerSettings,
} from '../wiring/transfer-engine.ts';
import {
  receiveAssignment,
  startWorkerProcesses,
  tellCounters,
  type WorkerAssignment,
  type WorkerProcesses,
} from '../wiring/worker-processes.ts';

export function addWorkerCommand(program: Command, context: CommandContext): void {
  const worker = program.command('worker').description('takes messages from a subscription and does the work');
  nameModes(worker);
  const cdnTransfer = worker
    .command('cdnTransfer')
    .description(
      'transfers objects through the CDN until stopped (SIGTERM): finishes or hands back what it holds, then exits 0',
    )
    .option(
      '--dry-run',
      'check the settings and both buckets, say what waits on the subscription (Pub/Sub does not tell), and take nothing',
    )
    .addOption(new Option('--assigned', 'take the settings from the process that started this one').hideHelp())
    .addOption(new Option('--run-id <id>', 'the run that this worker reports to').hideHelp())
    .option('--json', 'print the final counters as JSON');
  addFieldOptions(cdnTransfer, WORKER_CDN_TRANSFER).action((options: ParsedOptions) =>
    options['assigned'] === true ? runAssigned(context) : runWorkers(options, context),
  );
}

type Counters = Readonly<Record<string, number>>;

/** A worker process that another process has started. */
async function runAssigned(context: CommandContext): Promise<void> {
  const counters = await unlessStopped(async () => {
    const { assignment, stop } = await receiveAssignment();
    const { settings, logger } = await loadAssignedSettings(WORKER_CDN_TRANSFER, assignment, context);
    const stopEither = AbortSignal.any([context.stop, stop]);
    const { runId } = assignment;
    return transfer({ settings, logger, runId, isAssigned: true }, { ...context, stop: stopEither });
  });
  tellCounters(counters);
}

async function runWorkers(options: ParsedOptions, context: CommandContext): Promise<void> {
  const json = options['json'] === true;
  if (options['dryRun'] === true) {
    const { settings, logger } = await loadCommandSettings(WORKER_CDN_TRANSFER, options, context);
    const work = { settings, logger, runId: undefined, isAssigned: false };
    context.stdout.write(await withWorker(work, context, true, (_, backends) => describe(settings, backends, json)));
    return;
  }
  const counters = await unlessStopped(async () => {
    const { settings, logger, given, deployment } = await loadCommandSettings(WORKER_CDN_TRANSFER, options, context);
    const runId = typeof options['runId'] === 'string' ? options['runId'] : undefined;
    const work = { settings, logger, runId, isAssigned: false };
    if (settings.processes === 1) return transfer(work, context);
    return transferByProcesses(work, { runId, deployment, settings: given }, context);
  });
  context.stdout.write(json ? `${JSON.stringify(counters)}\n` : summarize(counters));
}

/** A worker that is told to stop before it has begun is at its end: it has nothing to finish, and that is no failure. */
async function unlessStopped(work: () => Promise<Counters>): Promise<Counters> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    return new TransferCounters().toRecord();
  }
}

interface Work {
  readonly settings: WorkerSettings;
  readonly logger: Logger;
  readonly runId: string | undefined;
  /** Another process has started this one, and has looked whether it can work. */
  readonly isAssigned: boolean;
}

/** Opens all that a worker needs, looks whether it can work, and closes it again. */
async function withWorker<T>(
  { settings, logger, runId, isAssigned }: Work,
  context: CommandContext,
  dryRun: boolean,
  use: (worker: TransferWorker, backends: Backends) => Promise<T> | T,
): Promise<T> {
  await using cleanup = new AsyncDisposableStack();
  const opening = { logger, signal: context.stop, cleanup };
  const identity = createProcessIdentity();
  const services = await openServices(settings, context.environment, opening);
  await checkDestination(settings, services.environment, context.stop);
  const backends = await openBackends(settings, workerPubsub(settings), { ...opening, services, identity, dryRun });
  const worker = await openTransferWorker({
    settings,
    queues: workerQueues(settings),
    services,
    backends,
    identity,
    runId,
    logger,
  });
  cleanup.defer(() => worker.close());
  if (!isAssigned) await worker.checkCdn(context.stop);
  await tieState(backends.stateStore, settings, dryRun);
  return await use(worker, backends);
}

/** @returns what was done until told to stop */
async function transfer(work: Work, context: CommandContext): Promise<Counters> {
  const { settings, logger } = work;
  let running: TransferWorker | undefined;
  using ending = new DisposableStack();
  ending.use(
    leaveInTime({
      stop: context.stop,
      logger,
      exitCode: EXIT_CODES.done,
      left: () => ({ held: running?.held, counters: running?.counters.toRecord() }),
    }),
  );
  return await withWorker(work, context, false, async (worker) => {
    running = worker;
    const { subscription } = workerQueues(settings);
    if (!work.isAssigned) logger.info({ subscription }, 'taking messages');
    await worker.run(context.stop);
    return worker.counters.toRecord();
  });
}

/** Beyond what the worker processes take for themselves. */
const LEAVE_AFTER_PROCESSES_MS = 27_000;

async function transferByProcesses(
  work: Work,
  assignment: WorkerAssignment,
  context: CommandContext,
): Promise<Counters> {
  const { logger, settings } = work;
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
  return await withWorker(work, context, false, async (_, { queueControl }) => {
    const group = startWorkerProcesses({
      count: settings.processes,
      assignment,
      variables: context.environment.variables,
      logger,
      onCrash: async () => {
        await queueControl?.reclaimLeases(isLeaseOwnerGone);
      },
    });
    running = group;
    logger.info({ processes: settings.processes }, 'worker processes started');
    const stop = () => void group.stop();
    if (context.stop.aborted) stop();
    else context.stop.addEventListener('abort', stop, { once: true });
    await group.ended;
    return group.counters;
  });
}

/** What `--dry-run` says. */
async function describe(settings: WorkerSettings, { queueControl }: Backends, json: boolean): Promise<string> {
  const { subscription } = workerQueues(settings);
  const where = `from ${settings.cloudfrontUrlHostPre} to gs://${settings.gcsBucket}/${settings.gcsRootPrefix}`;
  if (queueControl === undefined) {
    return json
      ? `${JSON.stringify({ subscription })}\n`
      : `would transfer the objects of the messages of ${subscription} ${where}\n` +
          'Pub/Sub does not tell how many wait: its metric subscription/num_undelivered_messages does\n';
  }
  const backlog = await queueControl.backlog(subscription);
  if (json) return `${JSON.stringify(backlog)}\n`;
  return (
    `would transfer the objects of ${formatCountOf(backlog.waiting, 'waiting message')} ${where}\n` +
    `${formatCount(backlog.leased)} in other workers' hands, ${formatCount(backlog.deadLettered)} set aside\n`
  );
}

function summarize(counters: Counters): string {
  const count = (name: string): number => counters[name] ?? 0;
  return (
    `${formatCountOf(count('objectsTransferred'), 'object')} transferred (${formatBytes(count('bytesTransferred'))}), ` +
    `${formatCount(count('objectsSkipped'))} skipped, ${formatCount(count('objectsFailed'))} failed\n`
  );
}
