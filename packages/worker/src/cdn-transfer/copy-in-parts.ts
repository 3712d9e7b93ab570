import { randomUUID } from 'node:crypto';
import { classifyError } from '@object-transfer/core/domain/classify-error';
import { combineCrc32c } from '@object-transfer/core/domain/crc32c-combine';
import { SourceError } from '@object-transfer/core/domain/errors';
import { MAX_COMPOSE_PARTS, type ComposePart } from '@object-transfer/core/ports/object-destination';
import type { ByteRange, ObjectContent } from '@object-transfer/core/ports/object-source';
import { retry } from '@object-transfer/core/runtime/retry';
import { destinationProperties } from './destination-properties.ts';
import { composeGroups, planParts } from './plan-parts.ts';
import { readContent } from './read-content.ts';
import { isSameContent, verifyWritten } from './verify-written.ts';
import type { TransferContext, TransferOutcome, TransferPlan } from './transfer-context.ts';

/**
 * A large object moves as ranges, each read under If-Match, checked by GCS as an object of its own under a temporary
 * name, and composed at the end under the final name. Only the compose is visible to others; it is conditional on what
 * was found there. The CRC32C of the whole follows from those of the parts and is held against what GCS composed.
 * Temporary objects are deleted however it ends; what a killed process leaves behind is swept by its name.
 */

/** Ranges of one object under way at a time; the process's limit and byte budget bound them further. */
const PARALLEL_PARTS = 8;

/** Deleting an object of a colder class before its time costs as if it had stayed. */
const TEMPORARY_STORAGE_CLASS = 'STANDARD';

interface UploadedPart extends ComposePart {
  readonly crc32c: number;
  readonly sizeBytes: number;
}

/** @throws SourceError, DestinationError, TransferError; nothing unverified is left under the final name */
export async function copyInParts(
  context: TransferContext,
  plan: TransferPlan,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  const { expected, found } = plan;
  const temporary = new TemporaryObjects(context, signal);
  const failure = new AbortController();
  const partSignal = AbortSignal.any([signal, failure.signal]);
  try {
    const ranges = planParts(expected.sizeBytes, context.partSizeBytes);
    const parts: UploadedPart[] = [];
    let first: ObjectContent | undefined;
    let next = 0;
    const moveParts = async () => {
      for (let index = next++; index < ranges.length; index = next++) {
        const range = ranges[index] as ByteRange;
        const moved = await retry(context.retryPolicy, { signal: partSignal, unless: isOtherCopy }, () =>
          movePart(context, plan, range, temporary.name(), partSignal),
        );
        parts[index] = moved.part;
        first ??= moved.content;
      }
    };
    const runners = Array.from({ length: Math.min(PARALLEL_PARTS, ranges.length) }, () =>
      moveParts().catch((error: unknown) => {
        // One lost part loses the object: the others stop at once instead of moving gigabytes for nothing.
        failure.abort(error);
        throw error;
      }),
    );
    const ends = await Promise.allSettled(runners);
    if (failure.signal.aborted) throw failure.signal.reason;
    signal.throwIfAborted();
    if (first === undefined || ends.length === 0) throw new RangeError('an object without parts has no place here');

    const whole = parts.reduce((crc, part) => combineCrc32c(crc, part.crc32c, part.sizeBytes), 0);
    if (context.overwrite !== 'always' && found !== undefined && isSameContent(found, expected.sizeBytes, whole)) {
      await context.destination.recordSourceEtag(plan.name, expected.etag, found.generation, signal);
      return { status: 'skipped' };
    }
    const compose = {
      name: plan.name,
      parts: await composeDown(context, parts, temporary, signal),
      properties: destinationProperties(first, expected.etag),
      storageClass: context.storageClassFor(first.storageClass),
      ifGenerationMatch: found?.generation ?? '0',
      signal,
    };
    // Every byte is there by now: a failure that may pass must not move them again.
    const written = await retry(context.retryPolicy, { signal }, () => context.destination.compose(compose));
    await verifyWritten(context, written, expected, whole, signal);
    return {
      status: 'transferred',
      bytes: expected.sizeBytes,
      changed: plan.changed,
      route: plan.route,
      missingMetadataCount: first.missingMetadataCount,
    };
  } finally {
    await temporary.deleteAll();
  }
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
  const releaseBytes = await context.budget.acquire(range.end - range.start + 1, signal);
  try {
    const permit = await context.limit.acquire(signal);
    try {
      const read = await readContent(context, plan.route, plan.expected, range, signal);
      const written = await context.destination.write({
        name,
        content: read.chunks,
        sizeBytes: read.sizeBytes,
        properties: { metadata: {} },
        storageClass: TEMPORARY_STORAGE_CLASS,
        crc32c: read.crc32c,
        // The temporary name is this attempt's own: what a lost answer left there is overwritten.
        ifGenerationMatch: undefined,
        signal,
      });
      permit.release('succeeded', 1);
      const part = { name, generation: written.generation, crc32c: read.crc32c, sizeBytes: read.sizeBytes };
      return { part, content: read.content };
    } catch (error) {
      permit.release(classifyError(error).overload ? 'overload' : 'failed', 0);
      throw error;
    }
  } finally {
    releaseBytes();
  }
}

/** Composes groups under temporary names until so few are left that one compose takes them all. */
async function composeDown(
  context: TransferContext,
  parts: readonly ComposePart[],
  temporary: TemporaryObjects,
  signal: AbortSignal,
): Promise<readonly ComposePart[]> {
  let level = parts;
  while (level.length > MAX_COMPOSE_PARTS) {
    const composed: ComposePart[] = [];
    for (const group of composeGroups(level)) {
      const name = temporary.name();
      const { generation } = await retry(context.retryPolicy, { signal }, () =>
        context.destination.compose({
          name,
          parts: group,
          properties: { metadata: {} },
          storageClass: TEMPORARY_STORAGE_CLASS,
          ifGenerationMatch: undefined,
          signal,
        }),
      );
      composed.push({ name, generation });
    }
    level = composed;
  }
  return level;
}

/** Names and deletes the temporary objects of one attempt. */
class TemporaryObjects {
  readonly #context: TransferContext;
  readonly #prefix: string;
  readonly #signal: AbortSignal;
  #count = 0;

  constructor(context: TransferContext, signal: AbortSignal) {
    this.#context = context;
    this.#prefix = `${context.partsPrefix}${randomUUID()}/`;
    this.#signal = signal;
  }

  name(): string {
    return `${this.#prefix}${this.#count++}`;
  }

  #delete(name: string, signal: AbortSignal): Promise<void> {
    const { destination, retryPolicy } = this.#context;
    return retry(retryPolicy, { signal }, () => destination.delete(name, undefined, signal));
  }

  /** Failing to delete does not undo a transfer: what is left is swept by its name at the next start. */
  async deleteAll(): Promise<void> {
    // An aborted signal would refuse every request: on the way out the deletes still get their chance.
    const signal = this.#signal.aborted ? AbortSignal.timeout(5_000) : this.#signal;
    const names = Array.from({ length: this.#count }, (_, index) => `${this.#prefix}${index}`);
    for (let i = 0; i < names.length; i += PARALLEL_PARTS) {
      const batch = names.slice(i, i + PARALLEL_PARTS);
      await Promise.allSettled(batch.map((name) => this.#delete(name, signal)));
    }
  }
}
