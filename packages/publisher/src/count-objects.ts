import { describeError } from '@object-transfer/core/domain/classify-error';
import { SourceError } from '@object-transfer/core/domain/errors';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { listMessages, type ObjectSelection } from './list-messages.ts';
import { newCounters, type PublishFailure, type PublishResult } from './publish-counters.ts';

const ROWS_PER_PAGE = 1000;

/** The subfolders that a publisher would take, claimed by somebody at this moment or not. */
export async function* waitingSubfolders(store: Pick<StateStore, 'listSubfolders'>): AsyncGenerator<string> {
  let last: string | undefined;
  for (;;) {
    const rows = await store.listSubfolders(last, ROWS_PER_PAGE);
    for (const row of rows) if (row.initialTransfer && !row.cdnTransferPublished) yield row.dirKey;
    last = rows.at(-1)?.dirKey;
    if (last === undefined) return;
  }
}

/**
 * Lists subfolders and counts what publishing them would do. Claims, publishes and writes nothing.
 * @param dirKeys subfolders, of the state table or as a dump would add them
 * @param parallel subfolders listed at a time
 * @throws ConfigurationError where there is no such bucket, StateError, or the reason of `signal`
 */
export async function countObjects(
  selection: ObjectSelection,
  dirKeys: AsyncIterable<string>,
  parallel: number,
  signal: AbortSignal,
): Promise<PublishResult> {
  const counters = newCounters();
  const failures: PublishFailure[] = [];
  const countOne = async (dirKey: string) => {
    for await (const { messages, filtered, archived } of listMessages(selection, dirKey, signal)) {
      counters.filtered += filtered;
      counters.archived += archived.length;
      counters.messages += messages.length;
      for (const { objects, bytes } of messages) {
        counters.objects += objects.length;
        counters.bytes += bytes;
      }
    }
    counters.subfolders += 1;
  };
  // One iterator feeds all loops: it hands each subfolder to whichever asks next.
  const remaining = dirKeys[Symbol.asyncIterator]();
  const countEach = async () => {
    for (let next = await remaining.next(); next.done !== true; next = await remaining.next()) {
      signal.throwIfAborted();
      try {
        await countOne(next.value);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        failures.push({ dirKey: next.value, ...describeError(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, countEach));
  return { ...counters, failures, leasedByOthers: 0 };
}
