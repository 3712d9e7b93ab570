import { combineCrc32c } from '@object-transfer/core/domain/crc32c-combine';
import { TransferError } from '@object-transfer/core/domain/errors';
import type { ComposePart } from '@object-transfer/core/ports/object-destination';
import { retry } from '@object-transfer/core/runtime/retry';
import { adoptExisting, isThereAlready } from './adopt-existing.ts';
import { destinationProperties } from './destination-properties.ts';
import { moveParts } from './move-parts.ts';
import { composeGroups } from './plan-parts.ts';
import { TEMPORARY_STORAGE_CLASS, TemporaryObjects } from './temporary-objects.ts';
import { underWriteLimit } from './under-limit.ts';
import { transferredOutcome } from './transferred-outcome.ts';
import { isSameContent, verifyWritten } from './verify-written.ts';
import type { TransferContext, TransferOutcome, TransferPlan } from './transfer-context.ts';

/**
 * A large object moves as ranges, each an object of its own under a temporary name. They are composed, under a temporary name
 * still, and the CRC32C that GCS gives for the whole is held against that of the ranges. Only then is it rewritten under
 * its final name, with its properties and storage class, conditional on what was found there: nothing unverified ever
 * bears that name. A rewrite within a bucket moves no bytes unless the storage class changes.
 * Temporary objects are deleted however it ends; what a killed process leaves behind is swept by its name.
 */

/** Composes under way at a time. */
const PARALLEL_COMPOSES = 4;

/** @throws SourceError, DestinationError, TransferError */
export async function copyInParts(
  context: TransferContext,
  plan: TransferPlan,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  const { expected, found, triedOut } = plan;
  const { destination, rates } = context;
  const temporary = new TemporaryObjects(context, signal);
  try {
    const { parts, content } = await moveParts(context, plan, temporary, signal);
    const crc32c = parts.reduce((crc, part) => combineCrc32c(crc, part.crc32c, part.sizeBytes), 0);
    if (isThereAlready(context, plan, crc32c)) {
      await adoptExisting(context, plan, content, signal);
      return { status: 'skipped' };
    }
    const source = await composeWhole(context, plan, parts, crc32c, temporary, signal);
    const rewrite = {
      source,
      sourceBucket: context.parts.bucket,
      name: plan.name,
      properties: destinationProperties(content, expected.etag),
      storageClass: context.storageClassFor(content.storageClass),
      ifGenerationMatch: found?.generation ?? '0',
      signal,
    };
    // Every byte is there by now: a failure that may pass must not move them again.
    const written = await retry(context.retryPolicy, { signal, triedOut }, async () => {
      await rates.writes.take(1, signal);
      return underWriteLimit(context, 0, signal, () => destination.rewrite(rewrite));
    });
    await verifyWritten(context, written, expected, crc32c, signal);
    return transferredOutcome(plan, content);
  } finally {
    await temporary.deleteAll();
  }
}

/**
 * Composes the parts, level by level where there are more than one request takes.
 * @throws TransferError `TRANSFER_CHECKSUM_MISMATCH` where the whole is not what its parts were
 */
async function composeWhole(
  context: TransferContext,
  plan: TransferPlan,
  parts: readonly ComposePart[],
  crc32c: number,
  temporary: TemporaryObjects,
  signal: AbortSignal,
): Promise<ComposePart> {
  const compose = async (group: readonly ComposePart[]) => {
    const name = temporary.name();
    const composed = await retry(context.retryPolicy, { signal, triedOut: plan.triedOut }, async () => {
      await context.rates.writes.take(1, signal);
      const request = { name, parts: group, storageClass: TEMPORARY_STORAGE_CLASS, signal };
      return underWriteLimit(context, 0, signal, () => context.parts.compose(request));
    });
    temporary.written(name, composed.generation);
    return composed;
  };
  let groups = composeGroups(parts);
  while (groups.length > 1) groups = composeGroups(await inParallel(groups, compose));
  const [last = []] = groups;
  const whole = await compose(last);
  if (isSameContent(whole, plan.expected.sizeBytes, crc32c)) return whole;
  throw new TransferError(
    'TRANSFER_CHECKSUM_MISMATCH',
    `GCS composed ${whole.sizeBytes} bytes with crc32c ${whole.crc32c} for ${JSON.stringify(plan.expected.key)}; its parts were ${plan.expected.sizeBytes} bytes with crc32c ${crc32c}`,
    { op: 'objects.compose', source: plan.expected.key, destination: plan.name },
  );
}

/** Results in the order of the items. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const remaining = items.entries();
  const workThrough = async () => {
    for (const [index, item] of remaining) results[index] = await work(item);
  };
  // All come to their end before the first failure counts: what they write must not outlive the clean-up.
  for (const end of await Promise.allSettled(Array.from({ length: PARALLEL_COMPOSES }, workThrough))) {
    if (end.status === 'rejected') throw end.reason;
  }
  return results;
}
