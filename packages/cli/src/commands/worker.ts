import { Option, type Command } from 'commander';
import { StoppedError } from '@object-transfer/core/domain/errors';
import { nameModes } from '../options/name-modes.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatCount, formatCountOf } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import type { Backends } from '../wiring/open-backends.ts';
import { workerQueues } from '../wiring/pubsub.ts';
import { runWorkerMode, runWorkerProcesses, withWorker } from '../wiring/run-worker-mode.ts';
import {
  CDN_TRANSFER_MODE,
  type CommonWorkerSettings,
  type Counters,
  RSYNC_MODE,
  SYNC_CHECK_MODE,
  type WorkerMode,
} from '../wiring/worker-modes.ts';
import { receiveAssignment, tellCounters } from '../wiring/worker-processes.ts';

export function addWorkerCommand(program: Command, context: CommandContext): void {
  const worker = program.command('worker').description('takes messages from a subscription and does the work');
  nameModes(worker);
  addMode(worker, CDN_TRANSFER_MODE, context);
  addMode(worker, SYNC_CHECK_MODE, context);
  addMode(worker, RSYNC_MODE, context);
}

function addMode<S extends CommonWorkerSettings>(worker: Command, mode: WorkerMode<S>, context: CommandContext): void {
  const command = worker
    .command(mode.name)
    .description(`${mode.description}, until stopped (SIGTERM): finishes or hands back what it holds, then exits 0`)
    .option(
      '--dry-run',
      'check the settings and both buckets, say what waits on the subscription (Pub/Sub does not tell), and take nothing',
    )
    .addOption(new Option('--assigned', 'take the settings from the process that started this one').hideHelp())
    .addOption(new Option('--run-id <id>', 'the run that this worker reports to').hideHelp())
    .option('--json', 'print the final counters as JSON');
  addFieldOptions(command, mode.module).action((options: ParsedOptions) =>
    options['assigned'] === true ? runAssigned(mode, context) : runWorkers(mode, options, context),
  );
}

/** A worker process that another process has started. */
async function runAssigned<S extends CommonWorkerSettings>(
  mode: WorkerMode<S>,
  context: CommandContext,
): Promise<void> {
  const counters = await unlessStopped(async () => {
    const { assignment, stop } = await receiveAssignment();
    const { settings, logger } = await mode.loadAssigned(assignment, context);
    const job = { mode, settings, logger, reporting: assignment.reporting, isAssigned: true };
    return runWorkerMode(job, { ...context, stop: AbortSignal.any([context.stop, stop]) });
  });
  tellCounters(counters);
}

async function runWorkers<S extends CommonWorkerSettings>(
  mode: WorkerMode<S>,
  options: ParsedOptions,
  context: CommandContext,
): Promise<void> {
  const json = options['json'] === true;
  const { runId } = options;
  const reporting = typeof runId === 'string' ? { runId } : undefined;
  if (options['dryRun'] === true) {
    const { settings, logger } = await mode.load(options, context);
    const job = { mode, settings, logger, reporting, isAssigned: false };
    const said = await withWorker(job, context, true, (_, backends) => describe(mode, settings, backends, json));
    context.stdout.write(said);
    return;
  }
  const counters = await unlessStopped(async () => {
    const { settings, logger, given, deployment } = await mode.load(options, context);
    const job = { mode, settings, logger, reporting, isAssigned: false };
    if (settings.processes === 1) return runWorkerMode(job, context);
    return runWorkerProcesses(job, { deployment, settings: given }, context);
  });
  context.stdout.write(json ? `${JSON.stringify(counters)}\n` : mode.summarize(counters));
}

/** A worker that is told to stop before it has begun is at its end: it has nothing to finish, and that is no failure. */
async function unlessStopped(work: () => Promise<Counters>): Promise<Counters> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    return {};
  }
}

/** What `--dry-run` says. */
async function describe<S extends CommonWorkerSettings>(
  mode: WorkerMode<S>,
  settings: S,
  { queueControl }: Backends,
  json: boolean,
): Promise<string> {
  const { subscription } = workerQueues(settings, mode.topics);
  const { verb, where } = mode.describe(settings);
  if (queueControl === undefined) {
    return json
      ? `${JSON.stringify({ subscription })}\n`
      : `would ${verb} of the messages of ${subscription} ${where}\n` +
          'Pub/Sub does not tell how many wait: its metric subscription/num_undelivered_messages does\n';
  }
  const backlog = await queueControl.backlog(subscription);
  if (json) return `${JSON.stringify(backlog)}\n`;
  return (
    `would ${verb} of ${formatCountOf(backlog.waiting, 'waiting message')} ${where}\n` +
    `${formatCount(backlog.leased)} in other workers' hands, ${formatCount(backlog.deadLettered)} set aside\n`
  );
}
