/** What is counted. */
export type Unit = 'object' | 'GiB' | 'key' | 'claim';

/** The medians of what one client did in one scenario. */
export interface Measurement {
  readonly scenario: string;
  readonly client: string;
  readonly unit: Unit;
  /** How many units one round moved, listed, compared or claimed. */
  readonly units: number;
  readonly rounds: number;
  /** Of the client's whole process tree, start-up included. `undefined` where only the time counts: a claim waits for a server. */
  readonly cpuMs: number | undefined;
  readonly wallMs: number;
  /** Of the largest single process. */
  readonly maxRssMib: number | undefined;
  /** What sets this measurement apart from its neighbours. */
  readonly note?: string | undefined;
}

/** What one round cost. */
export interface RoundCost {
  readonly cpuMs?: number | undefined;
  readonly wallMs: number;
  readonly maxRssMib?: number | undefined;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The memory is the largest of all rounds: a budget that is kept in most of them is not kept. */
export function summarize(
  what: Pick<Measurement, 'scenario' | 'client' | 'unit' | 'units' | 'note'>,
  rounds: readonly RoundCost[],
): Measurement {
  const cpus = rounds.flatMap(({ cpuMs }) => (cpuMs === undefined ? [] : [cpuMs]));
  const memories = rounds.flatMap(({ maxRssMib }) => (maxRssMib === undefined ? [] : [maxRssMib]));
  return {
    ...what,
    rounds: rounds.length,
    cpuMs: cpus.length === 0 ? undefined : median(cpus),
    wallMs: median(rounds.map(({ wallMs }) => wallMs)),
    maxRssMib: memories.length === 0 ? undefined : Math.max(...memories),
  };
}

/** Milliseconds of CPU for one unit. */
export function cpuPerUnit(measurement: Measurement | undefined): number {
  return (measurement?.cpuMs ?? Number.NaN) / (measurement?.units ?? Number.NaN);
}

export function unitsPerSecond(measurement: Measurement | undefined): number {
  return (measurement?.units ?? Number.NaN) / ((measurement?.wallMs ?? Number.NaN) / 1000);
}
