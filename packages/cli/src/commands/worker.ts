import { Option, type Command } from 'commander';
import { WORKER_CDN_TRANSFER } from '@object-transfer/core/config/modules';
import { StoppedError } from '@object-transfer/core/domain/errors';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { createProcessIdentity, isLeaseOwnerGone } from '@object-transfer/core/runtime/process-identity';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatBytes, formatCount } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { loadAssignedSettings, loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openBackends, type Backends } from '../wiring/open-backends.ts';
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
} from '../wiring/worker-processes.ts';

export function addWorkerCommand(program: Command, context: CommandContext): void {
  const worker = program.command('worker').description('takes messages from a subscription and does the work');
  const cdnTransfer = worker
    .command('cdnTransfer')
    .description(
      'transfers objects through the CDN until stopped (SIGTERM): finishes or hands back what it holds, then exits 0',
    )
    .option('--dry-run', 'check the settings and both buckets, say what waits on the subscription, and take nothing')
    .addOption(new Option('--assigned', 'take the settings from the process that started this one').hideHelp())
    .addOption(new Option('--run-id <id>', 'the run that this worker reports to').hideHelp())
    .option('--json', 'print the final counters as JSON');
  addFieldOptions(cdnTransfer, WORKER_CDN_TRANSFER).action((options: ParsedOptions) =>
    options['assigned'] === true ? runAssigned(context) : runWorkers(options, context),
  );
}

/** A worker process that another process has started. */
async function runAssigned(context: CommandContext): Promise<void> {
  try {
    const { assignment, stop } = await receiveAssignment();
    const { settings, logger } = await loadAssignedSettings(WORKER_CDN_TRANSFER, assignment, context);
    const stopEither = AbortSignal.any([context.stop, stop]);
    const { runId } = assignment;
    tellCounters(await transfer({ settings, logger, runId, isAssigned: true }, { ...context, stop: stopEither }));
  } catch (error) {
    // The run has ended before this process was ready: there is nothing to go on with, and nobody to tell.
    if (!(error instanceof StoppedError)) throw error;
  }
}

async function runWorkers(options: ParsedOptions, context: CommandContext): Promise<void> {
  const { settings, logger, given, deployment } = await loadCommandSettings(WORKER_CDN_TRANSFER, options, context);
  const runId = typeof options['runId'] === 'string' ? options['runId'] : undefined;
  const json = options['json'] === true;
  const work = { settings, logger, runId, isAssigned: false };
  if (options['dryRun'] === true) {
    context.stdout.write(await withWorker(work, context, true, (_, backends) => describe(settings, backends, json)));
    return;
  }
  const assignment = { runId, deployment, settings: given };
  const counters =
    settings.processes === 1 ? await transfer(work, context) : await transferByProcesses(work, assignment, context);
  context.stdout.write(json ? `${JSON.stringify(counters)}\n` : summarize(counters));
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
  const identity = createProcessIdentity();
  const services = await openServices(settings, context.environment, logger, cleanup);
  // What cannot work leaves no state behind.
  await checkDestination(settings, services.environment, context.stop);
  const opening = { services, identity, logger, dryRun, cleanup };
  const backends = await openBackends(settings, workerPubsub(settings), opening);
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
  return await use(worker, backends);
}

/** @returns what was done until told to stop */
function transfer(work: Work, context: CommandContext): Promise<Readonly<Record<string, number>>> {
  return withWorker(work, context, false, async (worker) => {
    const { subscription } = workerQueues(work.settings);
    if (!work.isAssigned) work.logger.info({ subscription }, 'taking messages');
    await worker.run(context.stop);
    return worker.counters.toRecord();
  });
}

async function transferByProcesses(
  work: Work,
  assignment: WorkerAssignment,
  context: CommandContext,
): Promise<Readonly<Record<string, number>>> {
  // What is wrong is said once, and not by each process.
  return withWorker(work, context, false, async (_, { queueControl }) => {
    const { logger, settings } = work;
    const group = startWorkerProcesses({
      count: settings.processes,
      assignment,
      variables: context.environment.variables,
      logger,
      onCrash: async () => {
        await queueControl?.reclaimLeases(isLeaseOwnerGone);
      },
    });
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
      : `would transfer the objects of the messages of ${subscription} ${where}\n`;
  }
  const backlog = await queueControl.backlog(subscription);
  if (json) return `${JSON.stringify(backlog)}\n`;
  return (
    `would transfer the objects of ${formatCount(backlog.waiting)} waiting messages ${where}\n` +
    `${formatCount(backlog.leased)} messages are in other workers' hands, ${formatCount(backlog.deadLettered)} were set aside\n`
  );
}

function summarize(counters: Readonly<Record<string, number>>): string {
  const count = (name: string): number => counters[name] ?? 0;
  return (
    `${formatCount(count('objectsTransferred'))} objects transferred (${formatBytes(count('bytesTransferred'))}), ` +
    `${formatCount(count('objectsSkipped'))} skipped, ${formatCount(count('objectsFailed'))} failed\n`
  );
}
