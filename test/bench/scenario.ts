import type { Measurement } from './measurement.ts';

export interface ScenarioSize {
  /** 1 for the whole; less for a look. */
  readonly share: number;
  readonly rounds: number;
}

export interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly measure: (size: ScenarioSize) => Promise<readonly Measurement[]>;
}
