import { Option, type Command } from 'commander';
import { WORKER_CDN_TRANSFER } from '@object-transfer/core/config/modules';
import { StoppedError } from '@object-transfer/core/domain/errors';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatBytes, formatCount } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { OBJECT_TOPIC } from '../wiring/embedded-topics.ts';
import { loadAssignedSettings, loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openState } from '../wiring/open-state.ts';
import { checkDestination, openTransferWorker } from '../wiring/transfer-engine.ts';
import { openServices } from '../wiring/services.ts';
import { receiveAssignment, tellCounters, type WorkerAssignment } from '../wiring/worker-processes.ts';

export function addWorkerCommand(program: Command, context: CommandContext): void {
  const worker = program.command('worker').description('takes messages from a subscription and does the work');
  const cdnTransfer = worker
    .command('cdnTransfer')
    .description(
      'transfers objects through the CDN until stopped (SIGTERM): finishes or hands back what it holds, then exits 0',
    )
    .option('--dry-run', 'check the settings and both buckets, say what waits on the subscription, and take nothing')
    .addOption(new Option('--assigned', 'take the settings from the process that started this one').hideHelp())
    .option('--json', 'print the final counters as JSON');
  addFieldOptions(cdnTransfer, WORKER_CDN_TRANSFER).action((options: ParsedOptions) => runWorker(options, context));
}

async function runWorker(options: ParsedOptions, context: CommandContext): Promise<void> {
  if (options['assigned'] !== true) return work(options, undefined, context);
  try {
    const { assignment, stop } = await receiveAssignment();
    await work(options, assignment, { ...context, stop: AbortSignal.any([context.stop, stop]) });
  } catch (error) {
    // The run has ended before this process was ready: there is nothing to go on with, and nobody to tell.
    if (!(error instanceof StoppedError)) throw error;
  }
}

async function work(
  options: ParsedOptions,
  assignment: WorkerAssignment | undefined,
  context: CommandContext,
): Promise<void> {
  const { environment, stop, stdout } = context;
  const { settings, logger } =
    assignment === undefined
      ? await loadCommandSettings(WORKER_CDN_TRANSFER, options, context)
      : await loadAssignedSettings(WORKER_CDN_TRANSFER, assignment, context);
  const dryRun = options['dryRun'] === true;
  // What cannot work leaves no state behind.
  await checkDestination(settings, environment, stop);
  const identity = createProcessIdentity();
  await using cleanup = new AsyncDisposableStack();
  const state = await openState(settings, identity, dryRun, cleanup);
  const services = await openServices(settings, environment, logger, cleanup);
  const worker = await openTransferWorker({ settings, services, state, identity, runId: assignment?.runId, logger });
  cleanup.defer(() => worker.close());
  if (dryRun) {
    const backlog = await state.queue.backlog(OBJECT_TOPIC);
    if (options['json'] === true) {
      stdout.write(`${JSON.stringify(backlog)}\n`);
      return;
    }
    const { waiting, leased, deadLettered } = backlog;
    const where = `from ${settings.cloudfrontUrlHostPre} to gs://${settings.gcsBucket}/${settings.gcsRootPrefix}`;
    stdout.write(`would transfer the objects of ${formatCount(waiting)} waiting messages ${where}\n`);
    stdout.write(
      `${formatCount(leased)} messages are in other workers' hands, ${formatCount(deadLettered)} were set aside\n`,
    );
    return;
  }
  if (assignment === undefined) logger.info({ subscription: OBJECT_TOPIC, worker: identity.id }, 'taking messages');
  await worker.run(stop);
  const { counters } = worker;
  if (assignment !== undefined) {
    tellCounters(counters.toRecord());
    return;
  }
  stdout.write(
    options['json'] === true
      ? `${JSON.stringify(counters.toRecord())}\n`
      : `${formatCount(counters.objectsTransferred)} objects transferred (${formatBytes(counters.bytesTransferred)}), ` +
          `${formatCount(counters.objectsSkipped)} skipped, ${formatCount(counters.objectsFailed)} failed\n`,
  );
}
