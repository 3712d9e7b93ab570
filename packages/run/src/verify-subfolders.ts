import { classifyError, describeError } from '@object-transfer/core/domain/classify-error';
import { subfolderPrefix } from '@object-transfer/core/domain/key-mapping';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { checkSubfolder, type CheckContext } from '@object-transfer/worker/sync-check/check-subfolder';
import type { WorkResult } from '@object-transfer/worker/subfolders/work-on-subfolder';
import type { Difference } from '@object-transfer/worker/sync-check/compare-subfolder';
import { DifferenceHandler, type DifferenceContext } from './difference-handler.ts';
import { eachSubfolder } from './each-subfolder.ts';
import type { ReportedFailure } from './migration-report.ts';

/** Compares every subfolder with the destination; what becomes of the differences, `DifferenceHandler` decides. */
export interface VerifyContext extends CheckContext, Omit<DifferenceContext, 'waitForRoom'> {
  readonly stateStore: CheckContext['stateStore'];
  /** Makes room on the queue, where there is none. */
  readonly makeRoom: (signal: AbortSignal) => Promise<void>;
  readonly onChecked: () => void;
}

export interface VerifyResult {
  /** Objects that are on the queue once more. */
  readonly republished: number;
  /** Subfolders that could not be compared. */
  readonly failures: readonly ReportedFailure[];
  /** True where comparing some of them again may go better. */
  readonly mayPass: boolean;
}

/** Subfolders compared at a time: two listings each. */
const PARALLEL_CHECKS = 4;
/** Between looks at a subfolder that somebody else holds. */
const BUSY_POLL_MS = 1_000;

/** @throws what the state store or the queue threw, or the reason of `signal` */
export async function verifySubfolders(context: VerifyContext, signal: AbortSignal): Promise<VerifyResult> {
  const rows = eachSubfolder(context.stateStore);
  const failures: ReportedFailure[] = [];
  let republished = 0;
  let mayPass = false;
  const failure = new AbortController();
  const checkSignal = AbortSignal.any([signal, failure.signal]);
  let makingRoom: Promise<void> | undefined;
  const differenceContext: DifferenceContext = {
    ...context,
    // Once for all that wait for it.
    waitForRoom: () =>
      (makingRoom ??= context.makeRoom(checkSignal).finally(() => {
        makingRoom = undefined;
      })),
  };
  const checkRows = async () => {
    // One generator feeds all: it hands each row to whoever asks next.
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
      checkSignal.throwIfAborted();
      const { dirKey } = next.value;
      const differences = await DifferenceHandler.open(differenceContext, dirKey);
      const result = await checkWhenFree(context, dirKey, differences, checkSignal);
      checkSignal.throwIfAborted();
      await differences.finish(result.status === 'done');
      republished += differences.republished;
      if (result.status !== 'done') failures.push({ key: subfolderPrefix(context.mapping, dirKey), ...whyNot(result) });
      mayPass ||= result.status === 'failed' && classifyError(result.error).retryable;
      context.onChecked();
    }
  };
  const checks = Array.from({ length: PARALLEL_CHECKS }, () =>
    checkRows().catch((error: unknown) => {
      failure.abort(error);
      throw error;
    }),
  );
  // None is left at work when the first failure is thrown: the caller closes what they work with.
  await Promise.allSettled(checks);
  if (failure.signal.aborted) throw failure.signal.reason;
  return { republished, failures, mayPass };
}

/**
 * A run has the state to itself: what somebody else holds, nobody does any more whose process cannot be asked whether it
 * lives, on another host or in another container. Its lease runs out.
 */
async function checkWhenFree(
  context: VerifyContext,
  dirKey: string,
  differences: DifferenceHandler,
  signal: AbortSignal,
): Promise<WorkResult> {
  const giveUpAt = performance.now() + context.leaseMs + BUSY_POLL_MS;
  for (;;) {
    const sink = {
      add: (difference: Difference) => differences.handle(difference),
      // Whoever waits for this check finishes them, complete or not.
      complete: async () => undefined,
    };
    const result = await checkSubfolder(context, dirKey, sink, signal);
    if (result.status !== 'busy' || performance.now() > giveUpAt) return result;
    await sleep(BUSY_POLL_MS, signal);
  }
}

function whyNot(result: Exclude<WorkResult, { status: 'done' }>): {
  readonly code: string;
  readonly message: string;
} {
  switch (result.status) {
    case 'busy':
      return { code: 'STATE_LEASE_LOST', message: 'another process is checking or repairing this subfolder' };
    case 'lost':
      return { code: 'STATE_LEASE_LOST', message: 'another process took the check of this subfolder over' };
    case 'failed':
      return describeError(result.error);
  }
}
