import type { FleetLimits } from '@object-transfer/core/runtime/fleet-limits';
import { runWorker, type WorkerOptions } from '../run-worker.ts';
import { settleSubfolders, type SettleSubfoldersContext } from '../subfolders/settle-subfolders.ts';
import type { RateSharing } from '../share-rates.ts';
import { repairSubfolder, type RepairContext } from './repair-subfolder.ts';

export interface RsyncOptions
  extends
    Omit<SettleSubfoldersContext, 'work' | 'workOn' | 'stateStore'>,
    Omit<RepairContext, 'onOutcome' | 'onDeleted'>,
    Omit<WorkerOptions, 'stateStore' | 'logger' | 'leaseMs'> {
  readonly stateStore: RepairContext['stateStore'] & WorkerOptions['stateStore'] & RateSharing['stateStore'];
  /** Of all workers together; left out, this one shares with nobody. */
  readonly limits?: FleetLimits | undefined;
}

/** Repairs at a time: they share the limits of the transfers. */
const MESSAGES_IN_FLIGHT = 4;

/** The worker mode `rsync`: repairs the subfolders of messages until told to stop. */
export function runRsync(options: RsyncOptions): Promise<void> {
  const { counters, limits, transfer } = options;
  const repair: RepairContext = {
    ...options,
    onOutcome: (outcome) => counters.add(outcome),
    onDeleted: (objects) => {
      counters.objectsDeleted += objects;
    },
  };
  const context: SettleSubfoldersContext = {
    ...options,
    work: 'rsync',
    workOn: (dirKey, signal, storesFailure) => repairSubfolder(repair, dirKey, signal, storesFailure),
  };
  return runWorker(options, {
    name: 'rsync',
    counters,
    messagesInFlight: MESSAGES_IN_FLIGHT,
    sharing: limits && { ...options, limits, rates: transfer.rates },
    settle: (message, signal) => settleSubfolders(context, message, signal),
  });
}
