import type { Environment } from './wiring/environment.ts';

/** What every command gets. */
export interface CommandContext {
  readonly environment: Environment;
  /** Aborts when the command is to stop. */
  readonly stop: AbortSignal;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}
