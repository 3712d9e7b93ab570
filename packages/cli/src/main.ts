import { hasGivenUp } from '@object-transfer/core/runtime/given-up';
import { exitCodeOf } from './exit-codes.ts';
import { acceptReferenceSpelling } from './options/reference-spelling.ts';
import { endWhereNobodyReads } from './output/end-where-nobody-reads.ts';
import { leaveNothingOpen, stopOnSignals, wasLaunched } from './stop-signals.ts';

const stop = stopOnSignals(wasLaunched());
endWhereNobodyReads(process.stdout);
try {
  // The rest takes a second to load on a busy machine, and a signal may come meanwhile.
  const { createProgram } = await import('./program.ts');
  const argv = acceptReferenceSpelling(process.argv);
  const program = await createProgram(argv, stop);
  await program.parseAsync(argv);
} catch (error) {
  process.exitCode = exitCodeOf(error, process.stderr);
  leaveNothingOpen();
}
if (stop.aborted || hasGivenUp()) leaveNothingOpen();
