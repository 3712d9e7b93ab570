import { CommanderError } from 'commander';
import { ConfigurationError, ObjectTransferError, StoppedError } from '@object-transfer/core/domain/errors';
import { printable } from '@object-transfer/core/domain/printable';
import { redactSecrets } from '@object-transfer/core/domain/redact-secrets';

export const EXIT_CODES = {
  /** Done and verified. */
  done: 0,
  /** Finished with failures, or stopped on the way. */
  failures: 1,
  /** Usage or configuration error: nothing was started. */
  usage: 2,
  /** Could not run. */
  couldNotRun: 3,
} as const;

/** Says what went wrong, in a line or a few, and which exit code that is. */
export function exitCodeOf(error: unknown, output: { write(text: string): unknown }): number {
  // Commander has said it already, or has been asked for help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage;
  if (error instanceof StoppedError) {
    output.write(`${error.message}; run the same command again to go on\n`);
    return EXIT_CODES.failures;
  }
  if (error instanceof ObjectTransferError) {
    output.write(`error ${error.code}: ${printable(error.message)}\n`);
    return error instanceof ConfigurationError ? EXIT_CODES.usage : EXIT_CODES.couldNotRun;
  }
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  output.write(`error UNEXPECTED: ${printable(redactSecrets(said))}\n`);
  return EXIT_CODES.couldNotRun;
}
