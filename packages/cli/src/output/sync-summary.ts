import { printable, printableLine } from '@object-transfer/core/domain/printable';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import { formatBytes, formatCount, formatCountOf } from './format-quantity.ts';

/** What `sync` found and did about a subfolder. */
export interface SyncedDir {
  readonly verified: boolean;
  /** What the first comparison found. */
  readonly before: CheckFigures;
  /** What the last one did; the same where there was nothing to repair. */
  readonly after: CheckFigures;
  readonly objectsTransferred: number;
  readonly bytesTransferred: number;
  readonly objectsFailed: number;
  readonly objectsDeleted: number;
}

/** What `sync` did about single objects. */
export interface SyncedKeys {
  readonly transferred: number;
  readonly bytesTransferred: number;
  /** There already, and equal. */
  readonly skipped: number;
  readonly failed: number;
  /** The first of them. */
  readonly failures: readonly { readonly key: string; readonly code: string; readonly message: string }[];
}

export function summarizeSyncedDir(dirKey: string, synced: SyncedDir): string {
  const { before, after, verified } = synced;
  const name = dirKey === '' ? 'the root' : printableLine(dirKey);
  const found =
    `${name}: ${formatCountOf(before.s3ObjectCount, 'object')} (${formatBytes(before.s3SizeBytes)}) at the source, ` +
    `${formatCount(before.gcsObjectCount)} (${formatBytes(before.gcsSizeBytes)}) at the destination; ${differences(before)}\n`;
  const done =
    `${formatCountOf(synced.objectsTransferred, 'object')} transferred (${formatBytes(synced.bytesTransferred)}), ` +
    `${formatCount(synced.objectsFailed)} failed, ${formatCount(synced.objectsDeleted)} deleted\n`;
  return `${found}${done}${verified ? 'verified' : `not equal: ${differences(after)}`}\n`;
}

function differences(figures: CheckFigures): string {
  const { missingCount, mismatchedCount, unprovenCount, extraCount } = figures;
  return (
    `${formatCount(missingCount)} missing, ${formatCount(mismatchedCount)} different, ` +
    `${formatCount(unprovenCount)} unproven, ${formatCount(extraCount)} extra`
  );
}

export function summarizeSyncedKeys(synced: SyncedKeys): string {
  const { transferred, bytesTransferred, skipped, failed, failures } = synced;
  const lines = failures.map(
    ({ key, code, message }) => `${printable(JSON.stringify(key))}: ${code}: ${printableLine(message)}\n`,
  );
  return (
    `${formatCountOf(transferred, 'object')} transferred (${formatBytes(bytesTransferred)}), ` +
    `${formatCount(skipped)} equal already, ${formatCount(failed)} failed\n${lines.join('')}`
  );
}
