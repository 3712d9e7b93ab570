import { printable, printableLine } from '@object-transfer/core/domain/printable';
import type { ObjectErrorCount, OpenObjectError } from '@object-transfer/core/ports/state-store';
import type { RetriedErrors } from '@object-transfer/operator/retry-errors';
import { formatCount, formatCountOf } from './format-quantity.ts';

/** Counts by code as the heading, and below it the errors that are shown. */
export function errorsText(counts: readonly ObjectErrorCount[], errors: readonly OpenObjectError[]): string {
  const total = totalOf(counts);
  if (total === 0) return 'no open errors\n';
  const lines = [
    formatCountOf(total, 'open error'),
    ...counts.map(({ code, count }) => `  ${formatCount(count).padStart(COUNT_WIDTH)}  ${code}`),
    '',
    // A message may hold what a server has answered: it must not break the lines.
    ...errors.map(({ code, key, message }) => `${code}  ${printable(JSON.stringify(key))}: ${printableLine(message)}`),
  ];
  const hidden = total - errors.length;
  if (hidden > 0) lines.push(`and ${formatCount(hidden)} more: --limit shows more, \`diff\` writes all`);
  return `${lines.join('\n')}\n`;
}

const COUNT_WIDTH = 12;

export function totalOf(counts: readonly ObjectErrorCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

/** What `errors retry` did. */
export function retryText({ published, extra }: RetriedErrors, topic: string | undefined): string {
  const verb = topic === undefined ? 'would be published again' : `published again to ${topic}`;
  const left = extra === 0 ? '' : `; ${formatCountOf(extra, 'error')} left out: the object is at the destination only`;
  return `${formatCountOf(published, 'key')} ${verb}${left}\n`;
}
