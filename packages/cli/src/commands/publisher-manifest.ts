import { PUBLISHER_OBJECTS } from '@object-transfer/core/config/modules';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { publishManifest } from '@object-transfer/publisher/publish-manifest';
import type { CommandContext } from '../command-context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ParsedOptions } from '../options/field-options.ts';
import { formatCountOf } from '../output/format-quantity.ts';
import { OBJECT_TOPIC } from '../wiring/embedded-topics.ts';
import { leaveInTime } from '../wiring/leave-in-time.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openBackends, tieState } from '../wiring/open-backends.ts';
import { publisherPubsub } from '../wiring/pubsub.ts';
import { runRegistered } from '../wiring/registered.ts';
import { openServices } from '../wiring/services.ts';

/** `publisher objects --manifest FILE`: the objects of a list, whatever the state says of their subfolders. */
export async function publishListed(file: string, options: ParsedOptions, context: CommandContext): Promise<number> {
  const { settings, logger } = await loadCommandSettings(PUBLISHER_OBJECTS, options, context);
  const dryRun = options['dryRun'] === true;
  const identity = createProcessIdentity();
  const { stop } = context;
  const counters = { objects: 0, messages: 0 };
  await using cleanup = new AsyncDisposableStack();
  cleanup.use(leaveInTime({ stop, logger, exitCode: EXIT_CODES.failures, left: () => counters }));
  const opening = { logger, signal: stop, cleanup };
  const services = await openServices(settings, context.environment, opening);
  const backends = await openBackends(settings, publisherPubsub(settings), { ...opening, services, identity, dryRun });
  await tieState(backends.stateStore, settings, dryRun);
  const run = { stateStore: backends.stateStore, job: 'publisher objects', isShared: true, identity, logger, dryRun };
  const published = await runRegistered(
    {
      ...run,
      counters: () => counters,
      work: (signal) =>
        publishManifest({
          file,
          s3RootPrefix: settings.s3RootPrefix,
          publisher: backends.queue,
          topic: settings.pubsubTopicId ?? OBJECT_TOPIC,
          maxMessagesPerBatch: settings.maxMessagesPerBatch,
          numSingleMessage: settings.numSingleMessage,
          dryRun,
          onPublished: (objects, messages) => {
            counters.objects += objects;
            counters.messages += messages;
          },
          signal,
        }),
      summarize: ({ objects }) => ({ succeeded: true, exitMessage: `${formatCountOf(objects, 'object')} of ${file}` }),
    },
    context,
  );
  const { objects, messages } = published;
  context.stdout.write(
    options['json'] === true
      ? `${JSON.stringify(published)}\n`
      : `${formatCountOf(objects, 'object')} of ${file} ${dryRun ? 'would be published' : 'published'} ` +
          `in ${formatCountOf(messages, 'message')}\n`,
  );
  return EXIT_CODES.done;
}
