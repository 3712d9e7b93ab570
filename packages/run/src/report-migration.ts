import { subfolderPrefix, type KeyMappingSettings } from '@object-transfer/core/domain/key-mapping';
import { isVerified, type Subfolder } from '@object-transfer/core/domain/subfolder';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { eachSubfolder } from './each-subfolder.ts';
import type { WorkerTotals } from './migration-progress.ts';
import {
  createReport,
  MAX_REPORTED_FAILURES,
  type MigrationReport,
  type ReportedFailure,
  type ReportFigures,
} from './migration-report.ts';

export interface ReportSources {
  readonly stateStore: StateStore;
  readonly mapping: KeyMappingSettings;
  readonly worked: WorkerTotals;
  /** Subfolders that could not be published or compared. */
  readonly subfolderFailures: readonly ReportedFailure[];
  readonly rounds: ReportFigures['rounds'];
  readonly elapsedMs: number;
}

/** Sums the state up. A subfolder that is not verified is never without a failure that says why. */
export async function reportMigration(sources: ReportSources): Promise<MigrationReport> {
  const { stateStore, mapping, worked } = sources;
  const totals = { subfolders: 0, unverified: 0, objects: 0, bytes: 0, notEqual: 0 };
  const explained = new Set(sources.subfolderFailures.map(({ key }) => key));
  const unexplained: ReportedFailure[] = [];
  for await (const row of eachSubfolder(stateStore)) {
    const notEqual = row.missingCount + row.mismatchedCount + row.unprovenCount;
    totals.subfolders++;
    totals.objects += row.s3ObjectCount;
    totals.bytes += row.s3SizeBytes;
    totals.notEqual += notEqual;
    if (isVerified(row)) continue;
    totals.unverified++;
    const key = subfolderPrefix(mapping, row.dirKey);
    if (notEqual > 0 || explained.has(key) || unexplained.length >= MAX_REPORTED_FAILURES) continue;
    unexplained.push({ key, code: 'TRANSFER_UNCHECKED', message: whyUnchecked(row) });
  }
  const objectErrors = await stateStore.listOpenObjectErrors({ limit: MAX_REPORTED_FAILURES });
  return createReport({
    subfolders: totals.subfolders,
    unverifiedSubfolders: totals.unverified,
    objectsListed: totals.objects,
    bytesListed: totals.bytes,
    objectsNotEqual: totals.notEqual,
    objectsTransferred: worked.objectsTransferred,
    bytesTransferred: worked.bytesTransferred,
    failures: [
      ...sources.subfolderFailures,
      ...unexplained,
      ...objectErrors.map(({ key, code, message }) => ({ key, code, message })),
    ],
    rounds: sources.rounds,
    elapsedMs: sources.elapsedMs,
  });
}

function whyUnchecked(row: Subfolder): string {
  if (row.syncCheckFrequency === 0) return 'the subfolder appeared at the end of the run: run again';
  return row.syncCheckError ?? 'the figures of the last comparison contradict each other: run again';
}
