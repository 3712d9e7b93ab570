import { cpuPerUnit, unitsPerSecond, type Measurement } from './measurement.ts';
import { OURS, OURS_IN_PARTS, OURS_IN_TWO } from './scenarios/transfers.ts';

/** A promise of the design, and what was measured. */
export interface BudgetResult {
  readonly budget: string;
  /** What was measured, in the budget's own terms. */
  readonly value: number;
  /** 1 is the budget itself; less is better. */
  readonly ratio: number;
}

interface Budget {
  readonly budget: string;
  readonly limit: number;
  /** Whether more is better. */
  readonly atLeast?: boolean;
  /** NaN where what it takes was not measured. */
  readonly value: (find: Find) => number;
}

type Find = (scenario: string, client: string) => Measurement | undefined;

/** Every process of this tool that a scenario measures. */
const MEASURED_MEMORY: readonly (readonly [string, string])[] = [
  ['small', OURS],
  ['mixed', OURS],
  ['large', OURS],
  ['large', OURS_IN_PARTS],
  ['memory', OURS],
  ['processes', OURS],
  ['processes', OURS_IN_TWO],
  ['listing', 'S3'],
  ['listing', 'GCS'],
  ['check', 'both sides'],
];

const BUDGETS: readonly Budget[] = [
  {
    budget: 'small: at most 0.25 ms of CPU per object',
    limit: 0.25,
    value: (find) => cpuPerUnit(find('small', OURS)),
  },
  {
    budget: "small: at most 1/8 of rclone's CPU per object",
    limit: 1 / 8,
    value: (find) => cpuPerUnit(find('small', OURS)) / cpuPerUnit(find('small', 'rclone copy')),
  },
  {
    budget: 'small: at least 0.5 of the objects/s of a bare relay',
    limit: 0.5,
    atLeast: true,
    value: (find) => unitsPerSecond(find('small', OURS)) / unitsPerSecond(find('small', 'bare undici relay')),
  },
  {
    budget: "large: at most 1.05 of rclone's CPU per GiB",
    limit: 1.05,
    value: (find) => cpuPerUnit(find('large', OURS)) / cpuPerUnit(find('large', 'rclone copy')),
  },
  ...MEASURED_MEMORY.map(([scenario, client]): Budget => ({
    budget: `${scenario}, ${client}: at most 256 MiB in memory`,
    limit: 256,
    value: (find) => find(scenario, client)?.maxRssMib ?? Number.NaN,
  })),
  ...['S3', 'GCS'].map((service): Budget => ({
    budget: `listing: at least 300,000 keys/s of one core (${service})`,
    limit: 300_000,
    atLeast: true,
    value: (find) => 1000 / cpuPerUnit(find('listing', service)),
  })),
  {
    budget: 'check: at least 200,000 objects/s of one core',
    limit: 200_000,
    atLeast: true,
    value: (find) => 1000 / cpuPerUnit(find('check', 'both sides')),
  },
  {
    budget: 'claim: at 10^6 rows at most twice what it takes at 10^4',
    limit: 2,
    value: (find) => (find('claim', '1000000 rows')?.wallMs ?? NaN) / (find('claim', '10000 rows')?.wallMs ?? NaN),
  },
  {
    budget: 'processes: two do at least 1.8 times as much, by the CPU of an object',
    limit: 1.8,
    atLeast: true,
    value: (find) => (2 * cpuPerUnit(find('processes', OURS))) / cpuPerUnit(find('processes', OURS_IN_TWO)),
  },
];

/** All budgets; the value and the ratio of those for which something was not measured are NaN. */
export function judge(measurements: readonly Measurement[]): readonly BudgetResult[] {
  const find: Find = (scenario, client) =>
    measurements.find((one) => one.scenario === scenario && one.client === client);
  return BUDGETS.map(({ budget, limit, atLeast, value: measure }) => {
    const value = measure(find);
    return { budget, value, ratio: atLeast === true ? limit / value : value / limit };
  });
}
