import { Option, type Command } from 'commander';
import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import { PUBLISHER_RSYNC, PUBLISHER_SYNC_CHECK } from '@object-transfer/core/config/modules';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';
import { publishSubfolders, type PublishedSubfolders } from '@object-transfer/publisher/publish-subfolders';
import type { CommandContext } from '../command-context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatCount, formatCountOf } from '../output/format-quantity.ts';
import { customQueries, PUBLISHER_RSYNC_QUERIES, PUBLISHER_SYNC_CHECK_QUERIES } from '../wiring/custom-queries.ts';
import { RSYNC_TOPIC, SYNC_CHECK_TOPIC } from '../wiring/embedded-topics.ts';
import { leaveInTime } from '../wiring/leave-in-time.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openBackends, tieState } from '../wiring/open-backends.ts';
import { publisherPubsub } from '../wiring/pubsub.ts';
import { runRegistered } from '../wiring/registered.ts';
import { openServices } from '../wiring/services.ts';

/** The publishers of what is to be compared, and of what is to be repaired. */
export function addSubfolderPublishers(publisher: Command, context: CommandContext): void {
  const syncCheck = publisher
    .command('sync-check')
    .description('publishes the subfolders that are to be compared, until stopped')
    .option('--recheck', 'publish what was compared before once more, too: for a mirror, every night');
  addCommonOptions(syncCheck);
  addFieldOptions(syncCheck, PUBLISHER_SYNC_CHECK).action(async (options: ParsedOptions) => {
    const { settings, logger } = await loadCommandSettings(PUBLISHER_SYNC_CHECK, options, context);
    const overrides = customQueries(PUBLISHER_SYNC_CHECK_QUERIES, settings);
    const publishing = { target: 'syncCheck', topic: SYNC_CHECK_TOPIC, overrides, deleteExtra: false } as const;
    await publish({ ...publishing, settings, logger }, options, context);
  });
  // The reference tool has one command for both, and its entity says by its statements which of them it is.
  const dirList = publisher
    .command('publishDirList')
    .description('does what sync-check does, or rsync where the statements of the entity are about rsync_published');
  addCommonOptions(dirList);
  addFieldOptions(dirList, PUBLISHER_SYNC_CHECK).action(async (options: ParsedOptions) => {
    const { settings, logger } = await loadCommandSettings(PUBLISHER_SYNC_CHECK, options, context);
    const target = isAboutRepairs(settings) ? 'rsync' : 'syncCheck';
    const kinds = target === 'rsync' ? PUBLISHER_RSYNC_QUERIES : PUBLISHER_SYNC_CHECK_QUERIES;
    const overrides = customQueries(kinds, settings);
    const topic = target === 'rsync' ? RSYNC_TOPIC : SYNC_CHECK_TOPIC;
    await publish({ target, topic, overrides, deleteExtra: false, settings, logger }, options, context);
  });
  const rsync = publisher
    .command('rsync')
    .description(
      'publishes the subfolders that are to be repaired, until stopped: those that a comparison found unequal',
    );
  addCommonOptions(rsync);
  addFieldOptions(rsync, PUBLISHER_RSYNC).action(async (options: ParsedOptions) => {
    const { settings, logger } = await loadCommandSettings(PUBLISHER_RSYNC, options, context);
    const overrides = customQueries(PUBLISHER_RSYNC_QUERIES, settings);
    const { deleteExtra, maxRsyncAttempts } = settings;
    const publishing = { target: 'rsync', topic: RSYNC_TOPIC, overrides, deleteExtra, maxRsyncAttempts } as const;
    await publish({ ...publishing, settings, logger }, options, context);
  });
}

function isAboutRepairs({ pullQuery, updateQuery }: ModuleSettings<typeof PUBLISHER_SYNC_CHECK>): boolean {
  return [pullQuery, updateQuery].some((query) => query !== undefined && /\brsync_published\b/i.test(query.text));
}

function addCommonOptions(command: Command): void {
  command
    .option('--once', 'end when nothing is left to publish')
    .option('--dry-run', 'count what would be published; claim and publish nothing')
    .addOption(new Option('--json', 'print the counts as JSON'));
}

interface SubfolderPublishing {
  readonly target: 'syncCheck' | 'rsync';
  /** Of the embedded queue. */
  readonly topic: string;
  readonly overrides: QueryOverrides;
  readonly deleteExtra: boolean;
  /** Of `rsync`: as the workers have it. */
  readonly maxRsyncAttempts?: number | undefined;
  readonly settings: ModuleSettings<typeof PUBLISHER_SYNC_CHECK>;
  readonly logger: Logger;
}

const COMMANDS = { syncCheck: 'publisher sync-check', rsync: 'publisher rsync' } as const;
const PURPOSES = { syncCheck: 'to be compared', rsync: 'to be repaired' } as const;

async function publish(
  { target, topic, overrides, deleteExtra, maxRsyncAttempts, settings, logger }: SubfolderPublishing,
  options: ParsedOptions,
  context: CommandContext,
): Promise<void> {
  const dryRun = options['dryRun'] === true;
  const identity = createProcessIdentity();
  const { stop } = context;
  const counters = { subfolders: 0, messages: 0 };
  await using cleanup = new AsyncDisposableStack();
  cleanup.use(leaveInTime({ stop, logger, exitCode: EXIT_CODES.done, left: () => counters }));
  const opening = { logger, signal: stop, cleanup };
  const services = await openServices(settings, context.environment, opening);
  const state = { ...settings, overrides };
  const backends = await openBackends(state, publisherPubsub(settings), { ...opening, services, identity, dryRun });
  await tieState(backends.stateStore, state, dryRun);
  const result = await runRegistered(
    {
      stateStore: backends.stateStore,
      // The nightly one goes beside one that runs all the time.
      job: options['recheck'] === true ? `${COMMANDS[target]} --recheck` : COMMANDS[target],
      isShared: false,
      identity,
      logger,
      dryRun,
      counters: () => counters,
      work: (signal) =>
        publishSubfolders({
          target,
          store: backends.stateStore,
          publisher: backends.queue,
          topic: settings.pubsubTopicId ?? topic,
          maxMessagesPerBatch: settings.maxMessagesPerBatch,
          messageFormat: settings.messageFormat,
          numSingleMessage: settings.numSingleMessage,
          owner: identity.id,
          leaseMs: settings.leaseMs,
          deleteExtra,
          recheck: options['recheck'] === true,
          until: options['once'] === true ? 'drained' : 'stopped',
          dryRun,
          onPublished: (subfolders, messages) => {
            counters.subfolders += subfolders;
            counters.messages += messages;
          },
          signal,
        }),
      summarize: (published) => ({ succeeded: true, exitMessage: summarize(published, target, false) }),
    },
    context,
  );
  // What is not repaired any more is not forgotten.
  if (!dryRun && target === 'rsync' && !stop.aborted) {
    const { failed } = await backends.stateStore.countSubfolders(maxRsyncAttempts);
    if (failed > 0) {
      logger.error(
        { subfolders: failed },
        'subfolders are not equal after all their repairs, or could not be compared: `status` and `diff` tell more',
      );
      process.exitCode = EXIT_CODES.failures;
    }
  }
  context.stdout.write(
    options['json'] === true ? `${JSON.stringify(result)}\n` : `${summarize(result, target, dryRun)}\n`,
  );
}

function summarize(result: PublishedSubfolders, target: 'syncCheck' | 'rsync', dryRun: boolean): string {
  const { subfolders, messages, rechecked } = result;
  const again = rechecked > 0 ? `, ${formatCount(rechecked)} of them compared before` : '';
  return (
    `${formatCountOf(subfolders, 'subfolder')} ${dryRun ? 'would be published' : 'published'} ${PURPOSES[target]}${again}, ` +
    `in ${formatCountOf(messages, 'message')}`
  );
}
