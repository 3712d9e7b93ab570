import type { FleetLimits } from '@object-transfer/core/runtime/fleet-limits';
import { runWorker, type WorkerOptions } from '../run-worker.ts';
import { settleMessage, type SettleContext } from './settle-message.ts';

export interface CdnTransferOptions extends SettleContext, Omit<WorkerOptions, 'stateStore' | 'logger'> {
  /** Of all workers together; left out, this one shares with nobody. */
  readonly limits?: FleetLimits | undefined;
}

/** Enough for the full concurrency even where a message holds ten objects, as the reference's do. */
const MESSAGES_IN_FLIGHT = 16;

/** The worker mode `cdnTransfer`: takes object messages until told to stop. Resolves when nothing is in its hands. */
export function runCdnTransfer(options: CdnTransferOptions): Promise<void> {
  const { limits, transfer } = options;
  return runWorker(options, {
    name: 'cdnTransfer',
    counters: options.counters,
    messagesInFlight: MESSAGES_IN_FLIGHT,
    sharing: limits && { ...options, limits, rates: transfer.rates },
    settle: (message, signal) => settleMessage(options, message, signal),
  });
}
