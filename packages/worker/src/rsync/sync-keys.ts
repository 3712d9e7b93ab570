import { describeError } from '@object-transfer/core/domain/classify-error';
import { dirKeyOf } from '@object-transfer/core/domain/key-mapping';
import type { ObjectErrorRecord, StateStore } from '@object-transfer/core/ports/state-store';
import { findExisting } from '../cdn-transfer/find-existing.ts';
import type { TransferContext, TransferOutcome } from '../cdn-transfer/transfer-context.ts';
import { transferObject } from '../cdn-transfer/transfer-object.ts';

export interface SyncKeysContext {
  readonly transfer: TransferContext;
  readonly stateStore: Pick<StateStore, 'recordObjectErrors' | 'resolveObjectErrors'>;
  readonly onOutcome: (key: string, outcome: TransferOutcome) => void;
}

/** Keys looked up and stored at a time. */
const CHUNK_KEYS = 100;

/**
 * Brings single objects up to date, whatever the state says of their subfolders: each is compared with what the destination
 * has under its name, and transferred where it differs. Their open errors are closed, or get the new reason.
 * @throws what the state store throws; the reason of `signal`
 */
export async function syncKeys(
  context: SyncKeysContext,
  keys: AsyncIterable<string> | Iterable<string>,
  signal: AbortSignal,
): Promise<void> {
  let chunk: string[] = [];
  for await (const key of keys) {
    chunk.push(key);
    if (chunk.length < CHUNK_KEYS) continue;
    await syncChunk(context, chunk, signal);
    chunk = [];
  }
  if (chunk.length > 0) await syncChunk(context, chunk, signal);
}

async function syncChunk(
  { transfer, stateStore, onOutcome }: SyncKeysContext,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const objects = keys.map((key) => ({ key, expected: undefined }));
  const existing = await findExisting(transfer, objects, signal);
  const arrived: string[] = [];
  const failures: ObjectErrorRecord[] = [];
  const transfers = objects.map(async (object) => {
    const outcome = await transferObject(transfer, object, existing, signal);
    onOutcome(object.key, outcome);
    if (outcome.status !== 'failed') {
      arrived.push(object.key);
      return;
    }
    const { code, message } = describeError(outcome.error);
    failures.push({ dirKey: dirKeyOf(transfer.mapping, object.key), key: object.key, code, message, attempts: 1 });
  });
  // An abort ends all of them, and each of them cleans up first.
  await Promise.allSettled(transfers);
  await Promise.all(transfers);
  for (const [dirKey, inDir] of Map.groupBy(arrived, (key) => dirKeyOf(transfer.mapping, key))) {
    await stateStore.resolveObjectErrors(dirKey, inDir);
  }
  await stateStore.recordObjectErrors(failures);
}
