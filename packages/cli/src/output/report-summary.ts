import { printable, printableLine } from '@object-transfer/core/domain/printable';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import type { MigrationPlan } from '@object-transfer/run/plan-migration';
import { formatBytes, formatCount, formatCountOf, formatDuration } from './format-quantity.ts';

const SHOWN_FAILURES = 10;

/** The report as a person reads it. */
export function summarizeReport(report: MigrationReport): string {
  const { objects, bytes, rounds } = report;
  const lines = [
    `${formatCountOf(report.subfolders, 'subfolder')}, ${formatCountOf(objects.listed, 'object')}, ${formatBytes(bytes.listed)}`,
    `  transferred  ${formatCount(objects.transferred)} (${formatBytes(bytes.transferred)})`,
    `  skipped      ${formatCount(objects.skipped)} (already there, proven equal)`,
    `  failed       ${formatCount(objects.failed)}`,
    `  compared     ${formatCountOf(rounds.checks, 'time')}, ${formatCountOf(rounds.objectsRepaired, 'object')} repaired`,
    `  time         ${formatDuration(report.elapsedMs)}`,
    '',
  ];
  for (const { key, code, message } of report.failures.slice(0, SHOWN_FAILURES)) {
    lines.push(`  ${code}  ${printable(JSON.stringify(key))}: ${printableLine(message)}`);
  }
  const hidden = report.failures.length - SHOWN_FAILURES;
  if (hidden > 0) lines.push(`  … and ${formatCount(hidden)} more: see the report file`);
  lines.push(
    report.verified
      ? 'VERIFIED: every object of the source is at the destination, proven by size and MD5 or source ETag.'
      : 'NOT VERIFIED: docs/operations.md says what to do about each code. Run again, what is there already is not copied again.',
  );
  return `${lines.join('\n')}\n`;
}

/** The plan of a dry run as a person reads it. */
export function summarizePlan({ subfolders, objects, bytes }: MigrationPlan): string {
  return `${[
    `${formatCountOf(subfolders, 'subfolder')}, ${formatCountOf(objects.listed, 'object')}, ${formatBytes(bytes.listed)}`,
    `  would be transferred  ${formatCount(objects.missing + objects.different - objects.wouldFail)} (${formatBytes(bytes.toTransfer)})`,
    `  would be skipped      ${formatCount(objects.equal)} (already there, proven equal)`,
    `  would fail            ${formatCount(objects.wouldFail)} (name that GCS forbids, archived, or different and not to be overwritten)`,
    `  left alone            ${formatCount(objects.extra)} at the destination only`,
    'Nothing was changed.',
  ].join('\n')}\n`;
}
