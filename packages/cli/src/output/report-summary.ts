import type { MigrationReport } from '@object-transfer/run/migration-report';
import type { MigrationPlan } from '@object-transfer/run/plan-migration';
import { formatBytes, formatCount, formatDuration } from './format-quantity.ts';

const SHOWN_FAILURES = 10;

/** The report as a person reads it. */
export function summarizeReport(report: MigrationReport): string {
  const { objects, bytes } = report;
  const lines = [
    `${formatCount(report.subfolders)} subfolders, ${formatCount(objects.listed)} objects, ${formatBytes(bytes.listed)}`,
    `  transferred  ${formatCount(objects.transferred)} (${formatBytes(bytes.transferred)})`,
    `  skipped      ${formatCount(objects.skipped)} (already there, proven equal)`,
    `  failed       ${formatCount(objects.failed)}`,
    `  time         ${formatDuration(report.elapsedMs)}`,
    '',
  ];
  for (const { key, code, message } of report.failures.slice(0, SHOWN_FAILURES)) {
    lines.push(`  ${code}  ${JSON.stringify(key)}: ${message}`);
  }
  const hidden = report.failures.length - SHOWN_FAILURES;
  if (hidden > 0) lines.push(`  … and ${formatCount(hidden)} more: see the report file`);
  lines.push(
    report.verified
      ? 'VERIFIED: every object of the source is at the destination, proven by size and MD5 or source ETag.'
      : 'NOT VERIFIED: run the same command again to go on; what is there already is not copied again.',
  );
  return `${lines.join('\n')}\n`;
}

/** The plan of a dry run as a person reads it. */
export function summarizePlan({ subfolders, objects, bytes }: MigrationPlan): string {
  return `${[
    `${formatCount(subfolders)} subfolders, ${formatCount(objects.listed)} objects, ${formatBytes(bytes.listed)}`,
    `  would be transferred  ${formatCount(objects.missing + objects.different)} (${formatBytes(bytes.toTransfer)}): ${formatCount(objects.missing)} missing, ${formatCount(objects.different)} different`,
    `  would be skipped      ${formatCount(objects.equal)} (already there, proven equal)`,
    `  left alone            ${formatCount(objects.extra)} at the destination only`,
    'Nothing was changed.',
  ].join('\n')}\n`;
}
