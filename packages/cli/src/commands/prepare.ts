import type { Command } from 'commander';
import { FIELDS, type FieldKey } from '@object-transfer/core/config/fields';
import { PREPARE } from '@object-transfer/core/config/modules';
import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { PreparedPubsub } from '@object-transfer/core/queue/prepare-pubsub';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { unlessAborted } from '@object-transfer/core/runtime/unless-aborted';
import type { PreparedState } from '@object-transfer/core/state/open-mysql-state';
import { findSubfolders } from '@object-transfer/dump/find-subfolders';
import { loadSubfolders, type DumpResult } from '@object-transfer/dump/run-dump';
import type { CommandContext } from '../command-context.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatCount, formatCountOf } from '../output/format-quantity.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openStateOnly } from '../wiring/open-backends.ts';
import { withMysqlLogin } from '../wiring/mysql-login.ts';
import { openServices, type Services } from '../wiring/services.ts';

type PrepareSettings = ModuleSettings<typeof PREPARE>;

/** What `--json` prints. */
interface Preparation {
  readonly state: PreparedState | undefined;
  readonly prefixes: DumpResult | undefined;
  readonly pubsub: PreparedPubsub | undefined;
}

export function addPrepareCommand(program: Command, context: CommandContext): void {
  const prepare = program
    .command('prepare')
    .description(
      'creates the state tables, or upgrades those of the reference tool in place; safe to run again at any time',
    )
    .option('--prefixes <file>', 'load these subfolders: a JSON array of prefixes, or any file that `dump` takes')
    .option(
      '--topics',
      'also create the topics and subscriptions that are missing: give --config-key twice, for the publisher and for the worker',
    )
    .option('--json', 'print what was done as JSON');
  addFieldOptions(prepare, PREPARE).action((options: ParsedOptions) => prepareAll(options, context));
}

async function prepareAll(options: ParsedOptions, context: CommandContext): Promise<void> {
  const { settings, logger } = await loadCommandSettings(PREPARE, options, context);
  const withTopics = options['topics'] === true;
  if (withTopics) demandTopics(settings);
  const { prefixes: prefixFile } = options;
  await using cleanup = new AsyncDisposableStack();
  const opening = { logger, signal: context.stop, cleanup };
  const services = await openServices(settings, context.environment, opening);
  // A file that cannot be read leaves the state as it was.
  const dirKeys =
    typeof prefixFile === 'string'
      ? await findSubfolders({ ...settings, from: { dumpFile: prefixFile }, signal: context.stop })
      : undefined;
  const state = await prepareState(settings, services, context.stop);
  const identity = createProcessIdentity();
  // Only rows tie the state to a bucket: a name that is mistyped must not stay with it.
  const s3Bucket = dirKeys === undefined ? undefined : settings.s3Bucket;
  const store = await openStateOnly({ ...settings, s3Bucket }, { ...opening, services, identity, dryRun: false });
  const prefixes = dirKeys === undefined ? undefined : await loadSubfolders(store, dirKeys, false);
  const pubsub = withTopics ? await prepareTopics(settings, context) : undefined;
  for (const note of pubsub?.notes ?? []) logger.warn(note);
  const done: Preparation = { state, prefixes, pubsub };
  context.stdout.write(options['json'] === true ? `${JSON.stringify(done)}\n` : summarize(settings, done));
}

async function prepareState(
  settings: PrepareSettings,
  services: Services,
  signal: AbortSignal,
): Promise<PreparedState | undefined> {
  const { mysqlTable: table, credentialsSecretId } = settings;
  if (table === undefined) return undefined;
  const { prepareMysqlState } = await import('@object-transfer/core/state/open-mysql-state');
  try {
    return await withMysqlLogin(services.credentials, credentialsSecretId, (connection) =>
      prepareMysqlState({ connection, table, signal }),
    );
  } catch (error) {
    throw withoutAdvice(error);
  }
}

/** Who is told by others to prepare is not told so by this command. */
function withoutAdvice(error: unknown): unknown {
  if (!(error instanceof ConfigurationError) || error.code !== 'CONFIG_STATE_MISSING') return error;
  const { op, source, cause } = error;
  const reason = cause instanceof Error ? cause.message : error.message;
  const message = `MySQL at ${source}: ${reason}: prepare creates tables, in a database that is there`;
  return new ConfigurationError(error.code, message, { op, source, cause });
}

/** A topic without its subscription would lose what is published to it. */
const TOPIC_FIELDS = ['gcpProject', 'pubsubTopicId', 'pubsubSubscriptionId'] as const satisfies readonly FieldKey[];

function demandTopics(settings: PrepareSettings): void {
  const missing = TOPIC_FIELDS.filter((key) => settings[key] === undefined).map((key) => FIELDS[key].name);
  if (missing.length === 0) return;
  throw new ConfigurationError(
    'CONFIG_INVALID',
    `--topics needs ${missing.join(' and ')}: give several --config-key, of a publisher and of its worker`,
  );
}

async function prepareTopics(
  settings: PrepareSettings,
  { environment, stop }: CommandContext,
): Promise<PreparedPubsub> {
  const { gcpProject, pubsubTopicId, pubsubSubscriptionId, errorPubsubTopicId } = settings;
  if (gcpProject === undefined || pubsubTopicId === undefined) throw new TypeError('checked before');
  const { preparePubsub } = await import('@object-transfer/core/queue/prepare-pubsub');
  const preparing = preparePubsub({
    projectId: gcpProject,
    emulatorHost: environment.pubsubEmulatorHost,
    topics: [pubsubTopicId, errorPubsubTopicId].filter(isDefined),
    subscriptions: [
      ...(pubsubSubscriptionId === undefined
        ? []
        : [{ name: pubsubSubscriptionId, topic: pubsubTopicId, deadLetterTopic: errorPubsubTopicId }]),
      // What is published to a topic without a subscription is gone.
      ...(errorPubsubTopicId === undefined
        ? []
        : [{ name: `${errorPubsubTopicId.replace('/topics/', '/subscriptions/')}-sub`, topic: errorPubsubTopicId }]),
    ],
  });
  return unlessAborted(preparing, stop);
}

function summarize(settings: PrepareSettings, { state, prefixes, pubsub }: Preparation): string {
  const lines = [stateLine(settings, state)];
  if (prefixes !== undefined) {
    lines.push(`${formatCountOf(prefixes.new, 'subfolder')} loaded, ${formatCount(prefixes.known)} known already`);
  }
  for (const name of pubsub?.created ?? []) lines.push(`${name} created`);
  for (const name of pubsub?.existing ?? []) lines.push(`${name} was there already`);
  return `${lines.join('\n')}\n`;
}

function stateLine({ mysqlTable, state: stateFile }: PrepareSettings, state: PreparedState | undefined): string {
  if (state === undefined) return `the state file ${stateFile} is ready`;
  if (state.created) return `the table ${mysqlTable} and those beside it were created`;
  if (state.applied.length === 0) return `the table ${mysqlTable} is up to date`;
  return `the table ${mysqlTable} was upgraded: ${state.applied.join('; ')}`;
}

function isDefined(name: string | undefined): name is string {
  return name !== undefined;
}
