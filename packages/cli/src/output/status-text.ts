import type { RunStatusEntry, TransferStatus } from '@object-transfer/operator/collect-status';
import { formatBytes, formatCount, formatDuration } from './format-quantity.ts';

/** Runs that are shown one by one; `--json` has all of them. */
const SHOWN_RUNS = 40;

/** Where a transfer stands, for people: lines without line ends. */
export function statusLines(status: TransferStatus, stateName: string): readonly string[] {
  const { subfolders, objects, bytes, openErrors, runs } = status;
  return [
    `${stateName}  ${status.at.toISOString()}`,
    '',
    'subfolders',
    figure('listed', subfolders.listed),
    figure('published', subfolders.published, note(subfolders.waiting, 'waiting')),
    figure('checked', subfolders.checked, note(subfolders.beingChecked, 'being checked now')),
    figure('mismatched', subfolders.mismatched, note(subfolders.beingRepaired, 'being repaired now')),
    figure('repaired', subfolders.repaired),
    figure('verified', subfolders.verified),
    figure('failed', subfolders.failed),
    '',
    'objects',
    figure('published', objects.published, formatBytes(bytes.published)),
    figure('transferred', objects.transferred, formatBytes(bytes.transferred)),
    figure('skipped', objects.skipped),
    figure('failed', objects.failed),
    '',
    `open errors  ${formatCount(openErrors.total)}`,
    ...openErrors.byCode.map(({ code, count }) => `  ${formatCount(count).padStart(COUNT_WIDTH)}  ${code}`),
    '',
    ...runLines(runs, status.at),
  ];
}

const NAME_WIDTH = 12;
const COUNT_WIDTH = 14;

function figure(name: string, count: number, beside = ''): string {
  return `  ${name.padEnd(NAME_WIDTH)}${formatCount(count).padStart(COUNT_WIDTH)}${beside === '' ? '' : `  ${beside}`}`;
}

function note(count: number, what: string): string {
  return count === 0 ? '' : `${formatCount(count)} ${what}`;
}

function runLines(runs: readonly RunStatusEntry[], now: Date): readonly string[] {
  if (runs.length === 0) return ['no run is under way'];
  const lines = runs.slice(0, SHOWN_RUNS).flatMap((run) => runEntry(run, now));
  const hidden = runs.length - SHOWN_RUNS;
  return ['runs', ...lines, ...(hidden > 0 ? [`  and ${formatCount(hidden)} more`] : [])];
}

function runEntry(run: RunStatusEntry, now: Date): readonly string[] {
  const { job, host, pid, user, startedAt, heartbeatAt, alive, runId } = run;
  const by = user === undefined ? '' : ` by ${user}`;
  const ago = formatDuration(now.getTime() - heartbeatAt.getTime());
  const life = alive ? `heartbeat ${ago} ago` : `NO SIGN OF LIFE since ${heartbeatAt.toISOString()}`;
  const counters = Object.entries(run.counters)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${wordsOf(name)} ${/bytes/i.test(name) ? formatBytes(count) : formatCount(count)}`);
  return [
    `  ${job} on ${host} (process ${pid})${by} since ${startedAt.toISOString()}, ${life}`,
    `    ${runId}${counters.length === 0 ? '' : `  ${counters.join(', ')}`}`,
  ];
}

/** `objectsTransferred` -> `objects transferred`. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
