import type { Command } from 'commander';
import { PUBLISHER_OBJECTS } from '@object-transfer/core/config/modules';
import { StoppedError } from '@object-transfer/core/domain/errors';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { PublishCounters, PublishResult } from '@object-transfer/publisher/publish-counters';
import { publishObjects } from '@object-transfer/publisher/publish-objects';
import { EXIT_CODES } from '../exit-codes.ts';
import { publishListed } from './publisher-manifest.ts';
import { addSubfolderPublishers } from './publisher-subfolders.ts';
import { nameModes } from '../options/name-modes.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatBytes, formatCount, formatCountOf } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { customQueries, PUBLISHER_OBJECTS_QUERIES } from '../wiring/custom-queries.ts';
import { leaveInTime } from '../wiring/leave-in-time.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { publisherOptions } from '../wiring/object-publisher.ts';
import { openBackends, tieState } from '../wiring/open-backends.ts';
import { OBJECT_TOPIC } from '../wiring/embedded-topics.ts';
import { publisherPubsub } from '../wiring/pubsub.ts';
import { runRegistered } from '../wiring/registered.ts';
import { openServices } from '../wiring/services.ts';
import { openSourceBucket } from '../wiring/source-bucket.ts';

export function addPublisherCommand(program: Command, context: CommandContext): void {
  const publisher = program.command('publisher').description('turns rows of the state into messages');
  nameModes(publisher);
  const objects = publisher
    .command('objects')
    .alias('publishObjectsList')
    .description('publishes the objects of every subfolder that has not been published yet')
    .option('--manifest <file>', 'publish the objects of this list instead, as `diff --format manifest` writes it')
    .option('--dry-run', 'list and count; claim and publish nothing')
    .option('--json', 'print the counts as JSON');
  addSubfolderPublishers(publisher, context);
  addFieldOptions(objects, PUBLISHER_OBJECTS).action(async (options: ParsedOptions) => {
    const { manifest } = options;
    process.exitCode =
      typeof manifest === 'string' ? await publishListed(manifest, options, context) : await publish(options, context);
  });
}

/** Between looks at what others hold: somebody may be waiting for the end. */
const POLL_MS = 1_000;
/** By what the clocks that leases are counted by may differ. */
const LEASE_MARGIN_MS = 1_000;

/**
 * @returns the exit code: 1 where a subfolder could not be published
 * @throws StoppedError where subfolders still wait
 */
async function publish(options: ParsedOptions, context: CommandContext): Promise<number> {
  const { settings, logger } = await loadCommandSettings(PUBLISHER_OBJECTS, options, context);
  const dryRun = options['dryRun'] === true;
  const identity = createProcessIdentity();
  let published: PublishCounters | undefined;
  const { stop } = context;
  await using cleanup = new AsyncDisposableStack();
  cleanup.use(leaveInTime({ stop, logger, exitCode: EXIT_CODES.failures, left: () => ({ published }) }));
  const opening = { logger, signal: stop, cleanup };
  const services = await openServices(settings, context.environment, opening);
  const source = openSourceBucket(settings, services.environment);
  cleanup.defer(() => source.close());
  await source.check(settings.s3RootPrefix, stop);
  const state = { ...settings, overrides: customQueries(PUBLISHER_OBJECTS_QUERIES, settings) };
  const backends = await openBackends(state, publisherPubsub(settings), { ...opening, services, identity, dryRun });
  await tieState(backends.stateStore, state, dryRun);
  const leaseSeconds = settings.leaseMs / 1000;
  const work = (signal: AbortSignal): Promise<PublishResult> =>
    publishObjects({
      ...publisherOptions(settings, source.lister, backends, identity, settings.pubsubTopicId ?? OBJECT_TOPIC),
      dryRun,
      waitForOthersMs: settings.leaseMs + LEASE_MARGIN_MS,
      pollMs: POLL_MS,
      onWaiting: (subfolders) => {
        logger.info(
          { subfolders, leaseSeconds },
          'waiting for what other publishers hold, in case one of them is dead',
        );
      },
      onProgress: (counters) => {
        published = counters;
      },
      signal,
    });
  const run = { stateStore: backends.stateStore, job: 'publisher objects', isShared: true, identity, logger, dryRun };
  const result = await runRegistered(
    {
      ...run,
      counters: () => ({ ...published }),
      work,
      summarize: (done) => ({ succeeded: done.failures.length === 0, exitMessage: summarize(done, dryRun).trimEnd() }),
    },
    context,
  );
  for (const { dirKey, code, message: reason } of result.failures) {
    logger.error({ dirKey, code, reason }, 'a subfolder could not be published');
  }
  const waiting = stop.aborted ? (await backends.stateStore.countSubfolders()).waiting : 0;
  if (waiting === 0 && result.leasedByOthers > 0) {
    const held = { subfolders: result.leasedByOthers, leaseSeconds };
    logger.warn(held, 'other publishers still work on subfolders: start again if one of them does not end in order');
  }
  context.stdout.write(options['json'] === true ? `${JSON.stringify(result)}\n` : summarize(result, dryRun));
  if (waiting > 0) {
    const left = `${formatCountOf(waiting, 'subfolder')} ${waiting === 1 ? 'is' : 'are'} still waiting`;
    throw new StoppedError(`${stopReason(stop)}, and ${left}`);
  }
  return result.failures.length === 0 ? EXIT_CODES.done : EXIT_CODES.failures;
}

function stopReason({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : 'stopped';
}

function summarize(result: PublishResult, dryRun: boolean): string {
  const { objects, bytes, subfolders, messages, filtered, archived } = result;
  const what = `${formatCountOf(objects, 'object')} (${formatBytes(bytes)}) of ${formatCountOf(subfolders, 'subfolder')}`;
  return (
    `${what} ${dryRun ? 'would be published' : 'published'} in ${formatCountOf(messages, 'message')}; ` +
    `${formatCount(filtered)} left out by the filters, ${formatCount(archived)} archived\n`
  );
}
