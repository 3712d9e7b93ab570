import { runWorker, type WorkerOptions } from '../run-worker.ts';
import { settleSubfolders, type SettleSubfoldersContext } from '../subfolders/settle-subfolders.ts';
import { checkSubfolder, type CheckContext } from './check-subfolder.ts';
import { DifferenceRecorder } from './difference-recorder.ts';

export interface SyncCheckOptions
  extends
    Omit<SettleSubfoldersContext, 'work' | 'workOn' | 'stateStore'>,
    CheckContext,
    Omit<WorkerOptions, 'stateStore' | 'logger' | 'leaseMs'> {}

/** Comparisons at a time: two listings each, with the next page of each on its way. */
const MESSAGES_IN_FLIGHT = 8;

/** The worker mode `syncCheck`: compares the subfolders of messages until told to stop. */
export function runSyncCheck(options: SyncCheckOptions): Promise<void> {
  const context: SettleSubfoldersContext = {
    ...options,
    work: 'syncCheck',
    workOn: (dirKey, signal, storesFailure) => {
      const recorder = new DifferenceRecorder(options.stateStore, options.mapping, dirKey);
      return checkSubfolder(options, dirKey, recorder, signal, storesFailure);
    },
  };
  return runWorker(options, {
    name: 'syncCheck',
    counters: options.counters,
    messagesInFlight: MESSAGES_IN_FLIGHT,
    settle: (message, signal) => settleSubfolders(context, message, signal),
  });
}
