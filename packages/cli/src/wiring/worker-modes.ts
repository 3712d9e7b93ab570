import {
  type ModuleFields,
  WORKER_CDN_TRANSFER,
  WORKER_RSYNC,
  WORKER_SYNC_CHECK,
} from '@object-transfer/core/config/modules';
import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';
import type { CommandContext } from '../command-context.ts';
import type { ParsedOptions } from '../options/field-options.ts';
import { formatBytes, formatCount, formatCountOf } from '../output/format-quantity.ts';
import { customQueries, WORKER_RSYNC_QUERIES, WORKER_SYNC_CHECK_QUERIES } from './custom-queries.ts';
import { ERROR_TOPIC, OBJECT_TOPIC, RSYNC_TOPIC, SUBFOLDER_ERROR_TOPIC, SYNC_CHECK_TOPIC } from './embedded-topics.ts';
import { type CommandSettings, loadAssignedSettings, loadCommandSettings } from './load-command-settings.ts';
import type { OpenWorker, OpenWorkerOptions } from './open-worker.ts';
import { openRsyncWorker, openSyncCheckWorker } from './subfolder-workers.ts';
import { openTransferWorker } from './transfer-engine.ts';
import type { WorkerAssignment, WorkerModeName } from './worker-processes.ts';

export type Counters = Readonly<Record<string, number>>;

/** What a worker of any mode is set up with. */
export interface CommonWorkerSettings {
  readonly state: string;
  readonly s3Bucket: string;
  readonly s3RootPrefix: string;
  readonly gcsBucket: string;
  readonly gcsRootPrefix: string;
  readonly leaseMs: number;
  readonly processes: number;
  readonly gcpProject: string | undefined;
  readonly mysqlTable: string | undefined;
  readonly credentialsSecretId: string | undefined;
  readonly pubsubSubscriptionId: string | undefined;
  readonly errorPubsubTopicId: string | undefined;
}

/** What tells the modes of a worker apart. */
export interface WorkerMode<S extends CommonWorkerSettings> {
  /** As the command line spells it. */
  readonly name: WorkerModeName;
  readonly module: ModuleFields;
  /** What it does, for `--help`. */
  readonly description: string;
  /** Of the embedded queue. */
  readonly topics: { readonly subscription: string; readonly errors: string };
  load(
    options: ParsedOptions,
    context: CommandContext,
  ): Promise<Pick<CommandSettings<ModuleFields>, 'deployment' | 'given' | 'logger'> & { readonly settings: S }>;
  loadAssigned(
    assignment: WorkerAssignment,
    context: CommandContext,
  ): Promise<{ readonly settings: S; readonly logger: Logger }>;
  /** The operator's own statements. */
  overrides(settings: S): QueryOverrides;
  open(options: OpenWorkerOptions<S>): Promise<OpenWorker>;
  /** What it would do with the messages, and with which buckets, for `--dry-run`. */
  describe(settings: S): { readonly verb: string; readonly where: string };
  /** What it has done. */
  summarize(counters: Counters): string;
}

export const CDN_TRANSFER_MODE: WorkerMode<ModuleSettings<typeof WORKER_CDN_TRANSFER>> = {
  name: 'cdnTransfer',
  module: WORKER_CDN_TRANSFER,
  description: 'transfers objects through the CDN',
  topics: { subscription: OBJECT_TOPIC, errors: ERROR_TOPIC },
  load: (options, context) => loadCommandSettings(WORKER_CDN_TRANSFER, options, context),
  loadAssigned: (assignment, context) => loadAssignedSettings(WORKER_CDN_TRANSFER, assignment, context),
  overrides: () => ({}),
  open: openTransferWorker,
  describe: ({ cloudfrontUrlHostPre, gcsBucket, gcsRootPrefix }) => ({
    verb: 'transfer the objects',
    where: `from ${cloudfrontUrlHostPre} to gs://${gcsBucket}/${gcsRootPrefix}`,
  }),
  summarize: transferred,
};

export const SYNC_CHECK_MODE: WorkerMode<ModuleSettings<typeof WORKER_SYNC_CHECK>> = {
  name: 'syncCheck',
  module: WORKER_SYNC_CHECK,
  description: 'compares subfolders of both buckets, object by object',
  topics: { subscription: SYNC_CHECK_TOPIC, errors: SUBFOLDER_ERROR_TOPIC },
  load: (options, context) => loadCommandSettings(WORKER_SYNC_CHECK, options, context),
  loadAssigned: (assignment, context) => loadAssignedSettings(WORKER_SYNC_CHECK, assignment, context),
  overrides: (settings) => customQueries(WORKER_SYNC_CHECK_QUERIES, settings),
  open: openSyncCheckWorker,
  describe: (settings) => ({ verb: 'compare the subfolders', where: bothSides(settings) }),
  summarize: (counters) => `${worked(counters, 'compared')}; ${differences(counters)}\n`,
};

export const RSYNC_MODE: WorkerMode<ModuleSettings<typeof WORKER_RSYNC>> = {
  name: 'rsync',
  module: WORKER_RSYNC,
  description: 'repairs subfolders: transfers what differs, and compares them again',
  topics: { subscription: RSYNC_TOPIC, errors: SUBFOLDER_ERROR_TOPIC },
  load: (options, context) => loadCommandSettings(WORKER_RSYNC, options, context),
  loadAssigned: (assignment, context) => loadAssignedSettings(WORKER_RSYNC, assignment, context),
  overrides: (settings) => customQueries(WORKER_RSYNC_QUERIES, settings),
  open: openRsyncWorker,
  describe: (settings) => ({ verb: 'repair the subfolders', where: bothSides(settings) }),
  summarize: (counters) =>
    `${worked(counters, 'repaired')}; left afterwards: ${differences(counters)}\n` +
    `${formatCount(counters['objectsDeleted'] ?? 0)} deleted, ${transferred(counters)}`,
};

function bothSides({ s3Bucket, s3RootPrefix, gcsBucket, gcsRootPrefix }: CommonWorkerSettings): string {
  return `between s3://${s3Bucket}/${s3RootPrefix} and gs://${gcsBucket}/${gcsRootPrefix}`;
}

function worked(counters: Counters, participle: string): string {
  const count = (name: string): string => formatCount(counters[name] ?? 0);
  return (
    `${formatCountOf(counters['subfoldersDone'] ?? 0, 'subfolder')} ${participle}, ${count('subfoldersEqual')} of them equal; ` +
    `${count('subfoldersFailed')} failed, ${count('subfoldersSkipped')} done already`
  );
}

function differences(counters: Counters): string {
  const count = (name: string): string => formatCount(counters[name] ?? 0);
  return (
    `${formatCountOf(counters['objectsMissing'] ?? 0, 'object')} missing, ${count('objectsDifferent')} different, ` +
    `${count('objectsUnproven')} unproven, ${count('objectsExtra')} extra`
  );
}

function transferred(counters: Counters): string {
  const count = (name: string): number => counters[name] ?? 0;
  return (
    `${formatCountOf(count('objectsTransferred'), 'object')} transferred (${formatBytes(count('bytesTransferred'))}), ` +
    `${formatCount(count('objectsSkipped'))} skipped, ${formatCount(count('objectsFailed'))} failed\n`
  );
}
