import { exitCodeOf } from './exit-codes.ts';
import { acceptReferenceSpelling } from './options/reference-spelling.ts';
import { createProgram } from './program.ts';
import { leaveNothingOpen, stopOnSignals } from './stop-signals.ts';

// Not for the processes that this one starts.
const launched = process.env['OBJECT_TRANSFER_LAUNCHED'] !== undefined;
delete process.env['OBJECT_TRANSFER_LAUNCHED'];
const stop = stopOnSignals(launched);
try {
  await createProgram(stop).parseAsync(acceptReferenceSpelling(process.argv));
} catch (error) {
  process.exitCode = exitCodeOf(error, process.stderr);
}
leaveNothingOpen(stop);
