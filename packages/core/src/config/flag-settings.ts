import { fieldFlag } from './field.ts';
import type { LocatingSettingsSource } from './merge-sources.ts';

/**
 * Settings from the command line.
 * @param flags by field name (`s3_bucket`); flags that were not given are absent or `undefined`
 */
export class FlagSettings implements LocatingSettingsSource {
  readonly description = 'command line';
  readonly unknownFields = 'error';
  readonly #flags: Readonly<Record<string, unknown>>;

  constructor(flags: Readonly<Record<string, unknown>>) {
    this.#flags = flags;
  }

  readSettings(): Promise<Readonly<Record<string, unknown>>> {
    return Promise.resolve(this.#flags);
  }

  locate(name: string): string {
    return `${fieldFlag(name)} on the command line`;
  }
}
