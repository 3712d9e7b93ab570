import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Names the file to the preloaded module. */
export const CLOCK_FILE_VARIABLE = 'OBJECT_TRANSFER_CLOCK_FILE';

export const HOUR_MS = 3_600_000;

/** The clock of a host, as somebody sets it who is not the test's host: commands that are started with its environment see it. */
export class HostClock {
  readonly #file: string;

  /** @param file for its own use; the clock is right at first */
  constructor(file: string, aheadMs = 0) {
    this.#file = file;
    this.#write(aheadMs);
  }

  /** For the commands of this host. */
  environment(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const preload = `--import=${new URL('clock-shift-process.ts', import.meta.url).href}`;
    const options = [environment['NODE_OPTIONS'], preload].filter((option) => option !== undefined);
    return { ...environment, NODE_OPTIONS: options.join(' '), [CLOCK_FILE_VARIABLE]: this.#file };
  }

  /** Resolves when all processes of this host see it. @param aheadMs of the true time; negative: behind it */
  async set(aheadMs: number): Promise<void> {
    this.#write(aheadMs);
    await delay(20);
  }

  #write(aheadMs: number): void {
    // Whole: a process that reads it meanwhile would see an empty file, and the true time.
    writeFileSync(`${this.#file}.new`, String(aheadMs));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
