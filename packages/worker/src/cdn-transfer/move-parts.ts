import { SourceError, TransferError } from '@object-transfer/core/domain/errors';
import type { ComposePart } from '@object-transfer/core/ports/object-destination';
import type { ByteRange, ObjectContent } from '@object-transfer/core/ports/object-source';
import { retry } from '@object-transfer/core/runtime/retry';
import { planParts } from './plan-parts.ts';
import { relayContent } from './relay-content.ts';
import { TEMPORARY_STORAGE_CLASS, type TemporaryObjects } from './temporary-objects.ts';
import type { TransferContext, TransferPlan } from './transfer-context.ts';
import { isSameContent } from './verify-written.ts';

/** Ranges of one object under way at a time; the process's limits bound them further. */
const PARALLEL_PARTS = 8;

interface UploadedPart extends ComposePart {
  readonly crc32c: number;
  readonly sizeBytes: number;
}

export interface MovedParts {
  /** In order. */
  readonly parts: readonly UploadedPart[];
  /** Of one of the ranges: headers and metadata are the same in all. */
  readonly content: ObjectContent;
}

/**
 * Moves an object as ranges, each read under If-Match, and each an object of its own at GCS, whose CRC32C is compared.
 * @throws what the first range to fail threw; the others stop then
 */
export async function moveParts(
  context: TransferContext,
  plan: TransferPlan,
  temporary: TemporaryObjects,
  signal: AbortSignal,
): Promise<MovedParts> {
  const failure = new AbortController();
  const partSignal = AbortSignal.any([signal, failure.signal]);
  const ranges = planParts(plan.expected.sizeBytes, context.partSizeBytes);
  const parts: UploadedPart[] = [];
  let content: ObjectContent | undefined;
  let next = 0;
  const moveRemaining = async () => {
    for (let index = next++; index < ranges.length; index = next++) {
      const range = ranges[index] as ByteRange;
      const name = temporary.name();
      const hooks = { signal: partSignal, unless: isOtherCopy, triedOut: plan.triedOut };
      const moved = await retry(context.retryPolicy, hooks, () => movePart(context, plan, range, name, partSignal));
      temporary.written(name, moved.part.generation);
      parts[index] = moved.part;
      content ??= moved.content;
    }
  };
  const runners = Array.from({ length: Math.min(PARALLEL_PARTS, ranges.length) }, () =>
    moveRemaining().catch((error: unknown) => {
      // One lost part loses the object: the others stop at once instead of moving gigabytes for nothing.
      failure.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(runners);
  if (failure.signal.aborted) throw failure.signal.reason;
  signal.throwIfAborted();
  if (content === undefined) throw new RangeError('an object without bytes has no parts');
  return { parts, content };
}

/** This route serves something else than what was listed, and will again. */
function isOtherCopy(error: unknown): boolean {
  if (!(error instanceof SourceError)) return false;
  return (
    error.code === 'SOURCE_STALE_COPY' ||
    error.code === 'SOURCE_TRANSFORMED_COPY' ||
    error.code === 'SOURCE_RANGE_NOT_HONOURED'
  );
}

async function movePart(
  context: TransferContext,
  plan: TransferPlan,
  range: ByteRange,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly part: UploadedPart; readonly content: ObjectContent }> {
  const openUpload = () =>
    context.parts.openUpload({
      name,
      sizeBytes: range.end - range.start + 1,
      properties: { metadata: {} },
      storageClass: TEMPORARY_STORAGE_CLASS,
      // The temporary name is this attempt's own: what a lost answer left there is overwritten.
      ifGenerationMatch: undefined,
      temporary: true,
      signal,
    });
  const { expected, route, triedOut } = plan;
  const relayed = await relayContent(context, { expected, route, triedOut, range, openUpload }, signal);
  const { content, written, sizeBytes, crc32c } = relayed;
  if (written === undefined || !isSameContent(written, sizeBytes, crc32c)) {
    throw new TransferError(
      'TRANSFER_CHECKSUM_MISMATCH',
      `GCS stored ${written?.sizeBytes} bytes with crc32c ${written?.crc32c} of a part of ${JSON.stringify(plan.expected.key)}; sent were ${sizeBytes} bytes with crc32c ${crc32c}`,
      { op: 'objects.insert', source: plan.expected.key, destination: name },
    );
  }
  return { part: { name, generation: written.generation, crc32c, sizeBytes }, content };
}
