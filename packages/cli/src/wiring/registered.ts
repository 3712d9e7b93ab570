import type { StateStore } from '@object-transfer/core/ports/state-store';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { withRegisteredRun } from '@object-transfer/core/runtime/registered-run';
import type { CommandContext } from '../command-context.ts';

/** An invocation of a module that has a row in the runs table. */
export interface RegisteredModule<T> {
  readonly stateStore: StateStore;
  /** As the command line spells it: `publisher rsync`. */
  readonly job: string;
  /** Any number may run at once. */
  readonly isShared: boolean;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  /** Nothing is registered where nothing is to be changed. */
  readonly dryRun: boolean;
  /** What it has done so far. */
  readonly counters: () => Readonly<Record<string, number>>;
  readonly work: (stop: AbortSignal) => Promise<T>;
  /** How it ended, for its row. */
  readonly summarize: (result: T) => { readonly succeeded: boolean; readonly exitMessage: string };
}

/** What the row gets at the end of a module that was told to stop while its state is away. */
const END_GRACE_MS = 2_000;

/**
 * @throws StateError `STATE_RUN_ACTIVE` ("already running since … on …") where another one of this job is alive and they may
 *   not run at once; what the work throws
 */
export function runRegistered<T>(module: RegisteredModule<T>, { stop }: Pick<CommandContext, 'stop'>): Promise<T> {
  if (module.dryRun) return module.work(stop);
  return withRegisteredRun({ ...module, signal: stop, endGraceMs: END_GRACE_MS }, async (_, lost) => {
    const value = await module.work(AbortSignal.any([stop, lost]));
    return { ...module.summarize(value), value };
  });
}
