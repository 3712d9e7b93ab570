import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { BudgetResult } from '../budgets.ts';
import type { Measurement } from '../measurement.ts';
import type { Machine } from './machine.ts';
import { svgPlot } from './svg-plot.ts';
import { cellsOf, COLUMNS, format } from './text-report.ts';

const DOC = fileURLToPath(new URL('../../../docs/performance.md', import.meta.url));
const PLOT = fileURLToPath(new URL('../../../docs/performance.svg', import.meta.url));
const BEGIN = '<!-- figures: npm run bench -- --docs -->';
const END = '<!-- end of figures -->';

/** Replaces the figures in `docs/performance.md`, and its plot. @throws Error where the document has no place for them */
export async function writePerformanceDoc(
  machine: Machine,
  measurements: readonly Measurement[],
  budgets: readonly BudgetResult[],
): Promise<void> {
  const text = await readFile(DOC, 'utf8');
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`${DOC} has no line ${BEGIN}, or none ${END} after it`);
  const figures = [describe(machine), table(measurements), notes(measurements), budgetTable(budgets)].join('\n\n');
  await writeFile(DOC, `${text.slice(0, begin)}${BEGIN}\n\n${figures}\n\n${text.slice(end)}`);
  await writeFile(PLOT, svgPlot(measurements));
}

function describe({ processor, processors, memoryGib, node, versions, date }: Machine): string {
  const others = Object.entries(versions).map(([name, version]) => `, ${name} ${version}`);
  return `Measured on ${date}: ${processors} processors (${processor}), ${memoryGib} GiB; Node ${node}${others.join('')}.`;
}

function table(measurements: readonly Measurement[]): string {
  return markdown(
    COLUMNS,
    measurements.map((measurement) => cellsOf(measurement)),
  );
}

function notes(measurements: readonly Measurement[]): string {
  const notesByClient = new Map(
    measurements.flatMap(({ client, note }) => (note === undefined ? [] : [[client, note]])),
  );
  return [...notesByClient].map(([client, note]) => `- ${client}: ${note}.`).join('\n');
}

function budgetTable(budgets: readonly BudgetResult[]): string {
  return markdown(
    ['budget', 'measured', 'of the budget'],
    budgets
      .filter(({ value }) => !Number.isNaN(value))
      .map(({ budget, value, ratio }) => [
        budget,
        format(value),
        `${ratio.toFixed(2)}${ratio <= 1 ? '' : ' (broken)'}`,
      ]),
  );
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
