import type { OverwritePolicy } from '@object-transfer/core/config/destination-fields';
import { destinationName } from '@object-transfer/core/domain/key-mapping';
import { nameViolation } from '@object-transfer/core/domain/object-name-rules';
import { isArchivedStorageClass } from '@object-transfer/core/domain/source-object';
import { listSubfolders } from '@object-transfer/dump/list-subfolders';
import {
  compareSubfolder,
  type CompareContext,
  type Difference,
} from '@object-transfer/worker/sync-check/compare-subfolder';

export interface PlanContext extends CompareContext {
  readonly overwrite: OverwritePolicy;
}

/** What a migration would find and do. Sizes in bytes. */
export interface MigrationPlan {
  readonly subfolders: number;
  readonly objects: {
    /** At the source, after the filters. */
    readonly listed: number;
    /** Missing at the destination. */
    readonly missing: number;
    /** There, and different or not provably equal. */
    readonly different: number;
    /** There and proven equal. */
    readonly equal: number;
    /** Of the missing and different: what would be reported instead of transferred. */
    readonly wouldFail: number;
    /** At the destination only; a migration leaves them alone. */
    readonly extra: number;
  };
  readonly bytes: { readonly listed: number; readonly toTransfer: number };
}

/** The row of the root itself. */
const ROOT_DIR_KEY = '';

/**
 * What `run --dry-run` says: both sides are listed and compared as a check does it, and nothing is changed or stored.
 * @throws ConfigurationError where a bucket is missing; SourceError, DestinationError where a listing fails
 */
export async function planMigration(context: PlanContext, signal: AbortSignal): Promise<MigrationPlan> {
  await context.destination.checkBucket(signal);
  const plan = {
    subfolders: 0,
    listed: 0,
    missing: 0,
    mismatched: 0,
    wouldFail: 0,
    extra: 0,
    bytesListed: 0,
    bytesToTransfer: 0,
  };
  const add = async (dirKey: string) => {
    const onDifference = (difference: Difference) => {
      if (difference.kind === 'extra') return;
      if (wouldFail(context, difference)) plan.wouldFail++;
      else plan.bytesToTransfer += difference.source.sizeBytes;
    };
    const figures = await compareSubfolder(context, dirKey, onDifference, signal);
    plan.subfolders++;
    plan.listed += figures.s3ObjectCount;
    plan.missing += figures.missingCount;
    plan.mismatched += figures.mismatchedCount + figures.unprovenCount;
    plan.extra += figures.extraCount;
    plan.bytesListed += figures.s3SizeBytes;
  };
  await add(ROOT_DIR_KEY);
  for await (const page of listSubfolders(context.lister, context.mapping.s3RootPrefix, signal)) {
    for (const dirKey of page) await add(dirKey);
  }
  return {
    subfolders: plan.subfolders,
    objects: {
      listed: plan.listed,
      missing: plan.missing,
      different: plan.mismatched,
      equal: plan.listed - plan.missing - plan.mismatched,
      wouldFail: plan.wouldFail,
      extra: plan.extra,
    },
    bytes: { listed: plan.bytesListed, toTransfer: plan.bytesToTransfer },
  };
}

function wouldFail(context: PlanContext, { kind, source }: Exclude<Difference, { kind: 'extra' }>): boolean {
  if (isArchivedStorageClass(source.storageClass)) return true;
  if (kind !== 'missing' && context.overwrite === 'never') return true;
  return context.namePolicy === 'fail' && nameViolation(destinationName(context.mapping, source.key)) !== undefined;
}
