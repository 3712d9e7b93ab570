import { exitCodeOf } from './exit-codes.ts';
import { acceptReferenceSpelling } from './options/reference-spelling.ts';
import { createProgram } from './program.ts';
import { stopOnSignals } from './stop-signals.ts';

const stop = stopOnSignals();
try {
  await createProgram(stop).parseAsync(acceptReferenceSpelling(process.argv));
} catch (error) {
  process.exitCode = exitCodeOf(error, process.stderr);
}
// A child process ends with its work, not when its parent lets go of the channel.
if (process.connected) process.disconnect();
