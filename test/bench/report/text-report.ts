import { cpuPerUnit, unitsPerSecond, type Measurement } from '../measurement.ts';
import type { BudgetResult } from '../budgets.ts';

/** The columns of a table of measurements. */
export const COLUMNS = ['scenario', 'client', 'units', 'CPU per unit', 'units/s', 'peak memory'] as const;

/** One line of it. */
export function cellsOf(measurement: Measurement): readonly string[] {
  const { scenario, client, units, unit, cpuMs, maxRssMib } = measurement;
  return [
    scenario,
    client,
    `${format(units)} ${unit}${unit === 'GiB' || units === 1 ? '' : 's'}`,
    cpuMs === undefined ? '-' : formatTime(cpuPerUnit(measurement)),
    format(unitsPerSecond(measurement)),
    maxRssMib === undefined ? '-' : `${maxRssMib.toFixed(0)} MiB`,
  ];
}

export function textTable(measurements: readonly Measurement[]): string {
  const rows = [COLUMNS, ...measurements.map(cellsOf)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, column) => pad(cell, widths[column] ?? 0, column > 1)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

export function textBudgets(results: readonly BudgetResult[]): string {
  return results.map((result) => `${describeBudget(result)}\n`).join('');
}

function describeBudget({ budget, value, ratio }: BudgetResult): string {
  if (Number.isNaN(value)) return `not measured                ${budget}`;
  return `${ratio <= 1 ? 'kept  ' : 'BROKEN'}  ${ratio.toFixed(2)} of the budget  ${budget}: ${format(value)}`;
}

/** Three digits, and thousands apart. */
export function format(value: number): string {
  return value.toLocaleString('en-US', value >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 });
}

export function formatTime(ms: number): string {
  if (ms < 0.1) return `${format(ms * 1000)} us`;
  return ms < 100 ? `${format(ms)} ms` : `${format(ms / 1000)} s`;
}

function pad(cell: string, width: number, right: boolean): string {
  return right ? cell.padStart(width) : cell.padEnd(width);
}
