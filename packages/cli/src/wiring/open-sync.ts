import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { WORKER_RSYNC } from '@object-transfer/core/config/modules';
import { describeError } from '@object-transfer/core/domain/classify-error';
import { ConfigurationError, StateError } from '@object-transfer/core/domain/errors';
import { figuresMatch } from '@object-transfer/core/domain/subfolder';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { checkManifest, readManifest } from '@object-transfer/core/runtime/read-manifest';
import type { TransferOutcome } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { beginHeartbeat } from '@object-transfer/worker/report-heartbeat';
import { checkGcloud } from '@object-transfer/worker/rsync/gcloud-version';
import { repairSubfolder } from '@object-transfer/worker/rsync/repair-subfolder';
import { syncKeys } from '@object-transfer/worker/rsync/sync-keys';
import { beginSharingRates } from '@object-transfer/worker/share-rates';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import type { WorkResult } from '@object-transfer/worker/subfolders/work-on-subfolder';
import { checkSubfolder } from '@object-transfer/worker/sync-check/check-subfolder';
import { DifferenceRecorder } from '@object-transfer/worker/sync-check/difference-recorder';
import type { CommandContext } from '../command-context.ts';
import type { SyncedDir, SyncedKeys } from '../output/sync-summary.ts';
import { checkBuckets } from './destination.ts';
import { limitsOf } from './limits-of.ts';
import { openStateOnly } from './open-backends.ts';
import { openServices } from './services.ts';
import { folderSync, repairOptions } from './subfolder-workers.ts';
import { openTransfers } from './transfer-context.ts';
import { checkTransfers } from './transfer-engine.ts';

/** Failures that are told one by one. */
const MAX_FAILURES = 100;

/**
 * Opens both sides and the state, for one thing at a time.
 * @throws as a worker of mode `rsync` does before its first message
 */
export async function openSync(
  settings: ModuleSettings<typeof WORKER_RSYNC>,
  logger: Logger,
  context: CommandContext,
  cleanup: AsyncDisposableStack,
) {
  const { s3Bucket, s3RootPrefix } = settings;
  const opening = { logger, signal: context.stop, cleanup };
  const identity = createProcessIdentity();
  const services = await openServices(settings, context.environment, opening);
  const transfers = await openTransfers(settings, services, identity);
  cleanup.defer(() => transfers.close());
  const { destination, parts } = transfers.transfer;
  await checkBuckets(destination, parts, context.stop);
  const isNative = settings.rsyncEngine === 'native';
  if (isNative) await checkTransfers(transfers, settings, logger, context.stop);
  else await checkGcloud({ variables: services.environment.variables }, context.stop);
  const stateStore = await openStateOnly(settings, { ...opening, services, identity, dryRun: false });
  const counters = new SubfolderCounters();
  const work = { stateStore, owner: identity.id, leaseMs: settings.leaseMs };
  // It is one of those who share the limits of the fleet, for as long as it takes.
  const reporting = { stateStore, identity, runId: undefined, logger };
  cleanup.defer(await beginHeartbeat(reporting, { name: 'sync', counters }, context.stop));
  const sharing = { stateStore, limits: limitsOf(settings), rates: transfers.transfer.rates, logger };
  cleanup.defer(await beginSharingRates(sharing, context.stop));
  const options = repairOptions({ settings }, transfers);
  const repair = {
    ...work,
    ...options,
    ...(isNative ? {} : { syncFolder: folderSync({ settings, services, logger }, transfers) }),
    logger,
    onOutcome: (outcome: TransferOutcome) => counters.add(outcome),
    onDeleted: (objects: number) => {
      counters.objectsDeleted += objects;
    },
  };

  const isObject = async (key: string): Promise<boolean> =>
    (await transfers.transfer.stater.stat(key, context.stop)) !== undefined;

  const sync = async (keys: AsyncIterable<string> | Iterable<string>, stop: AbortSignal): Promise<SyncedKeys> => {
    const failures: { key: string; code: string; message: string }[] = [];
    const onOutcome = (key: string, outcome: TransferOutcome): void => {
      counters.add(outcome);
      if (outcome.status === 'failed' && failures.length < MAX_FAILURES) {
        failures.push({ key, ...describeError(outcome.error) });
      }
    };
    await syncKeys({ transfer: transfers.transfer, stateStore, onOutcome }, keys, stop);
    const { objectsTransferred, bytesTransferred, objectsSkipped, objectsFailed } = counters;
    return {
      transferred: objectsTransferred,
      bytesTransferred,
      skipped: objectsSkipped,
      failed: objectsFailed,
      failures,
    };
  };

  return {
    /** Its row in the runs table. */
    run: {
      stateStore,
      job: 'sync',
      isShared: true,
      identity,
      logger,
      dryRun: false,
      counters: () => counters.toRecord(),
    },

    /** A subfolder or a key as it was given, without `s3://bucket/`. @throws ConfigurationError for another bucket */
    keyOf(target: string): string {
      if (!target.startsWith('s3://')) return target;
      const here = `s3://${s3Bucket}/`;
      if (target.startsWith(here)) return target.slice(here.length);
      throw new ConfigurationError('CONFIG_INVALID', `${target} is not in the bucket s3://${s3Bucket}/`);
    },

    /**
     * The row that is meant: by its name below the root, or by its whole prefix.
     * @returns `undefined` for the key of an object
     * @throws ConfigurationError for a key that lies elsewhere, or a subfolder that the state does not have
     */
    async dirOf(key: string, target: string): Promise<string | undefined> {
      const isUrl = target.startsWith('s3://');
      const isUnderRoot = key.startsWith(s3RootPrefix);
      const names = [...(isUrl ? [] : [key]), ...(isUnderRoot ? [key.slice(s3RootPrefix.length)] : [])];
      for (const name of names) {
        if ((name === '' || name.endsWith('/')) && (await stateStore.getSubfolder(name)) !== undefined) return name;
      }
      if (isUnderRoot && key !== '' && (await isObject(key))) return undefined;
      for (const name of names.map((each) => `${each}/`)) {
        if ((await stateStore.getSubfolder(name)) !== undefined) return name;
      }
      // An object that is gone says so; a name with a slash at its end is more likely a slip.
      if (isUnderRoot && key !== '' && !key.endsWith('/')) return undefined;
      const problem = `${JSON.stringify(target)} is no subfolder of the state, and no object under s3_root_prefix`;
      throw new ConfigurationError('CONFIG_INVALID', `${problem} ${JSON.stringify(s3RootPrefix)}`);
    },

    async syncDir(dirKey: string, stop: AbortSignal): Promise<SyncedDir> {
      const recorder = new DifferenceRecorder(stateStore, options.comparison.mapping, dirKey);
      const checked = await checkSubfolder({ ...work, ...options.comparison }, dirKey, recorder, stop);
      const before = figuresOf(checked, dirKey);
      const needsRepair = !figuresMatch(before) || (settings.deleteExtra && before.extraCount > 0);
      const after = needsRepair ? figuresOf(await repairSubfolder(repair, dirKey, stop), dirKey) : before;
      const { objectsTransferred, bytesTransferred, objectsFailed, objectsDeleted } = counters;
      const verified = figuresMatch(after);
      return { verified, before, after, objectsTransferred, bytesTransferred, objectsFailed, objectsDeleted };
    },

    syncKey: (key: string, stop: AbortSignal) => sync([key], stop),

    async syncManifest(file: string, stop: AbortSignal): Promise<SyncedKeys> {
      // A list that is wrong somewhere is not begun with.
      await checkManifest(file, s3RootPrefix, stop);
      return sync(keysOf(file, stop), stop);
    },
  };
}

async function* keysOf(file: string, stop: AbortSignal): AsyncGenerator<string, void, undefined> {
  for await (const { key } of readManifest(file, stop)) yield key;
}

/** @throws StateError where somebody else is at work on the subfolder; what it failed of */
function figuresOf(result: WorkResult, dirKey: string) {
  switch (result.status) {
    case 'done':
      return result.figures;
    case 'failed':
      throw result.error;
    case 'busy':
    case 'lost':
      throw new StateError(
        'STATE_SUBFOLDER_BUSY',
        `somebody else is at work on ${JSON.stringify(dirKey)}: try again later; if nobody is, \`object-transfer abandon --dir ${dirKey}\` frees it`,
        { op: 'sync', source: dirKey },
      );
  }
}
