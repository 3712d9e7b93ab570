import type { Command } from 'commander';
import { PUBLISHER_OBJECTS } from '@object-transfer/core/config/modules';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { publishObjects } from '@object-transfer/publisher/publish-objects';
import { EXIT_CODES } from '../exit-codes.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatBytes, formatCount } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { customQueries, PUBLISHER_OBJECTS_QUERIES } from '../wiring/custom-queries.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { publisherOptions } from '../wiring/object-publisher.ts';
import { openBackends } from '../wiring/open-backends.ts';
import { objectTopicOf, publisherPubsub } from '../wiring/pubsub.ts';
import { openServices } from '../wiring/services.ts';
import { openSourceBucket } from '../wiring/source-bucket.ts';

export function addPublisherCommand(program: Command, context: CommandContext): void {
  const publisher = program.command('publisher').description('turns rows of the state into messages');
  const objects = publisher
    .command('objects')
    .alias('publishObjectsList')
    .description('publishes the objects of every subfolder that has not been published yet')
    .option('--dry-run', 'list and count; claim and publish nothing')
    .option('--json', 'print the counts as JSON');
  addFieldOptions(objects, PUBLISHER_OBJECTS).action(async (options: ParsedOptions) => {
    process.exitCode = await publish(options, context);
  });
}

/** @returns the exit code: 1 where a subfolder could not be published */
async function publish(options: ParsedOptions, context: CommandContext): Promise<number> {
  const { settings, logger } = await loadCommandSettings(PUBLISHER_OBJECTS, options, context);
  const dryRun = options['dryRun'] === true;
  const identity = createProcessIdentity();
  await using cleanup = new AsyncDisposableStack();
  const services = await openServices(settings, context.environment, logger, cleanup);
  const source = openSourceBucket(settings, services.environment);
  cleanup.defer(() => source.close());
  await source.check(settings.s3RootPrefix, context.stop);
  const pubsub = publisherPubsub(settings);
  const overrides = customQueries(PUBLISHER_OBJECTS_QUERIES, settings);
  const backends = await openBackends({ ...settings, overrides }, pubsub, {
    services,
    identity,
    logger,
    dryRun,
    cleanup,
  });
  const result = await publishObjects({
    ...publisherOptions(settings, source.lister, backends, identity, objectTopicOf(settings)),
    dryRun,
    signal: context.stop,
  });
  for (const { dirKey, code, message: reason } of result.failures) {
    logger.error({ dirKey, code, reason }, 'a subfolder could not be published');
  }
  if (result.leasedByOthers > 0) {
    const held = { subfolders: result.leasedByOthers, leaseSeconds: settings.leaseMs / 1000 };
    logger.warn(
      held,
      'subfolders are in the hands of other publishers: start again later for what a dead one has left',
    );
  }
  const verb = dryRun ? 'would be published' : 'published';
  context.stdout.write(
    options['json'] === true
      ? `${JSON.stringify(result)}\n`
      : `${formatCount(result.objects)} objects (${formatBytes(result.bytes)}) of ${formatCount(result.subfolders)} subfolders ${verb} ` +
          `in ${formatCount(result.messages)} messages; ${formatCount(result.filtered)} left out by the filters, ` +
          `${formatCount(result.archived)} archived\n`,
  );
  return result.failures.length === 0 ? EXIT_CODES.done : EXIT_CODES.failures;
}
