import { sleep } from '@object-transfer/core/runtime/sleep';
import { classifyError } from '@object-transfer/core/domain/classify-error';
import { compareWithSource, type DestinationObject } from '@object-transfer/core/domain/destination-object';
import { DestinationError, SourceError } from '@object-transfer/core/domain/errors';
import { destinationName, isNamelessRootMarker } from '@object-transfer/core/domain/key-mapping';
import { allowedName } from '@object-transfer/core/domain/object-name-rules';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import { backoffDelayMs, retry, TriedOut, waitsTooLong } from '@object-transfer/core/runtime/retry';
import { copyInParts } from './copy-in-parts.ts';
import { copyStreamed } from './copy-streamed.ts';
import { copyWhole } from './copy-whole.ts';
import {
  ROUTES,
  type Route,
  type TransferContext,
  type TransferOutcome,
  type TransferPlan,
} from './transfer-context.ts';
import { underReadLimit } from './under-limit.ts';

/**
 * One object, from its key to its outcome: attempt -> verify -> commit, or recover.
 *
 *  plan      The name is checked against GCS's rules before any byte moves. Size and ETag come with the message, or
 *            from a HEAD of S3. What is already there and proven equal is `skipped`. Another version of the object
 *            that is there is only overwritten once S3 has said that it is not the newer one.
 *  attempt   Bytes are read on the plan's route, verified, and written under the condition that the name still holds
 *            what the plan found there (`copyWhole`, `copyStreamed`, `copyInParts`).
 *  recover   What went wrong decides the next plan:
 *            - The name holds something else by now: look what it is, and plan anew.
 *            - The copy that was served is not what was listed (other ETag, weak ETag, wrong size, missing, refused by
 *              GCS's checksum): ask S3 itself. Where S3 has moved on, its new version is what counts. Where it has not,
 *              the copy is stale: past the cache next, then from S3 directly if that is allowed.
 *            - Something that may pass: the same again after a backoff, unless a part of it, or one of its requests, has been tried
 *              that often already.
 *            - Anything else, or too many attempts: `failed`, with the error.
 */

export interface TransferRequest {
  readonly key: string;
  /** What the listing said; `undefined` asks S3. */
  readonly expected: ExpectedObject | undefined;
}

/** Looks up what is already under a name; `undefined` where nothing is, or where it is not known. */
export type FoundObjects = ReadonlyMap<string, DestinationObject>;

type Recovery = { readonly next: TransferPlan; readonly delayMs: number } | { readonly outcome: TransferOutcome };

/**
 * Never throws for what befalls this object: that is its outcome. Throws the reason of `signal` once it aborts.
 */
export async function transferObject(
  context: TransferContext,
  request: TransferRequest,
  found: FoundObjects,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  try {
    const expected = request.expected ?? (await askSource(context, request.key, signal));
    if (isNamelessRootMarker(context.mapping, expected)) return { status: 'skipped' };
    const { name } = allowedName(destinationName(context.mapping, request.key), context.namePolicy, request.key);
    const triedOut = new TriedOut();
    const first: TransferPlan = { name, expected, route: 'cdn', found: found.get(name), changed: false, triedOut };
    let result = await unlessLate(context, first, request.expected === undefined, signal);
    for (let attempt = 1; 'next' in result; attempt++) {
      if (result.delayMs > 0) await sleep(result.delayMs, signal);
      signal.throwIfAborted();
      result = await attemptOrRecover(context, result.next, attempt, signal);
    }
    return result.outcome;
  } catch (error) {
    signal.throwIfAborted();
    return { status: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
  }
}

async function attemptOrRecover(
  context: TransferContext,
  plan: TransferPlan,
  attempt: number,
  signal: AbortSignal,
): Promise<Recovery> {
  try {
    return { outcome: await copierOf(context, plan)(context, plan, signal) };
  } catch (error) {
    signal.throwIfAborted();
    if (attempt < context.retryPolicy.maxAttempts) return recover(context, plan, error, attempt, signal);
    // What is in the way of the last attempt may be what one before it has written, whose answer was lost.
    const last = isOvertaken(error) ? await lookWhatIsThere(context, plan, signal) : undefined;
    if (last !== undefined && 'outcome' in last) return last;
    throw error;
  }
}

function isOvertaken(error: unknown): boolean {
  return error instanceof DestinationError && error.code === 'DESTINATION_PRECONDITION_FAILED';
}

/** A byte and a terabyte differ in nothing but this. */
function copierOf(context: TransferContext, { expected: { sizeBytes } }: TransferPlan): typeof copyWhole {
  if (sizeBytes >= context.parallelFromBytes) return copyInParts;
  return sizeBytes < context.streamFromBytes ? copyWhole : copyStreamed;
}

async function recover(
  context: TransferContext,
  plan: TransferPlan,
  error: unknown,
  attempt: number,
  signal: AbortSignal,
): Promise<Recovery> {
  if (isOvertaken(error)) return lookWhatIsThere(context, plan, signal);
  if (isDoubtfulCopy(error)) return askWhatIsRight(context, plan, error, attempt, signal);
  const { retryable, retryAfterMs } = classifyError(error);
  if (!retryable || waitsTooLong(error) || plan.triedOut.has(error)) throw error;
  return { next: plan, delayMs: backoffDelayMs(context.retryPolicy, attempt, retryAfterMs) };
}

async function lookWhatIsThere(context: TransferContext, plan: TransferPlan, signal: AbortSignal): Promise<Recovery> {
  const found = await retry(context.retryPolicy, { signal }, () => context.destination.stat(plan.name, signal));
  return unlessLate(context, { ...plan, found }, false, signal);
}

/**
 * Under the name may be another version of the same object: an older one or, where this message is delivered late or this
 * process stood still, a newer one, while a cache still serves what the message says. Before it is overwritten, S3 is asked
 * which of them counts.
 * @param isCurrent S3 has just said what is expected
 */
async function unlessLate(
  context: TransferContext,
  plan: TransferPlan,
  isCurrent: boolean,
  signal: AbortSignal,
): Promise<Recovery> {
  const { expected, found } = plan;
  if (found !== undefined && mayStay(context, expected, found)) return { outcome: { status: 'skipped' } };
  const isOther = found !== undefined && compareWithSource(expected, found) === 'different';
  if (isCurrent || !isOther) return { next: plan, delayMs: 0 };
  const now = await askSource(context, expected.key, signal);
  return isSameVersion(now, expected) ? { next: plan, delayMs: 0 } : followSource(context, plan, now);
}

/** S3 has moved on since the listing: its new version is what counts. */
function followSource(context: TransferContext, plan: TransferPlan, now: ExpectedObject): Recovery {
  if (plan.found !== undefined && mayStay(context, now, plan.found)) return { outcome: { status: 'skipped' } };
  return { next: { ...plan, expected: now, changed: true }, delayMs: 0 };
}

function isSameVersion(left: ExpectedObject, right: ExpectedObject): boolean {
  return left.etag === right.etag && left.sizeBytes === right.sizeBytes;
}

/** True where the policy leaves what is there alone: proven equal, or never to be overwritten. */
function mayStay(context: TransferContext, expected: ExpectedObject, found: DestinationObject): boolean {
  switch (context.overwrite) {
    case 'never':
      return true;
    case 'always':
      return false;
    case 'if-different':
      return compareWithSource(expected, found) === 'equal';
  }
}

function isDoubtfulCopy(error: unknown): boolean {
  if (error instanceof DestinationError) return error.code === 'DESTINATION_CHECKSUM_REJECTED';
  if (!(error instanceof SourceError)) return false;
  switch (error.code) {
    case 'SOURCE_STALE_COPY':
    case 'SOURCE_TRANSFORMED_COPY':
    case 'SOURCE_SIZE_MISMATCH':
    case 'SOURCE_RANGE_NOT_HONOURED':
    case 'SOURCE_CHANGED':
    case 'SOURCE_NOT_FOUND':
      return true;
    default:
      return false;
  }
}

async function askWhatIsRight(
  context: TransferContext,
  plan: TransferPlan,
  doubt: unknown,
  attempt: number,
  signal: AbortSignal,
): Promise<Recovery> {
  const now = await askSource(context, plan.expected.key, signal);
  if (!isSameVersion(now, plan.expected)) return followSource(context, plan, now);
  const route = nextRoute(context, plan.route);
  if (route !== undefined) return { next: { ...plan, route }, delayMs: 0 };
  if (waitsTooLong(doubt) || plan.triedOut.has(doubt)) throw doubt;
  const { retryAfterMs } = classifyError(doubt);
  return { next: plan, delayMs: backoffDelayMs(context.retryPolicy, attempt, retryAfterMs) };
}

function nextRoute(context: TransferContext, route: Route): Route | undefined {
  const next = ROUTES[ROUTES.indexOf(route) + 1];
  return next === 's3' && context.direct === undefined ? undefined : next;
}

/** @throws SourceError `SOURCE_NOT_FOUND` where S3 does not have the object (any more) */
async function askSource(context: TransferContext, key: string, signal: AbortSignal): Promise<ExpectedObject> {
  const stat = await retry(context.retryPolicy, { signal }, () =>
    underReadLimit(context, 0, signal, () => context.stater.stat(key, signal)),
  );
  if (stat === undefined) {
    throw new SourceError('SOURCE_NOT_FOUND', `S3 has no object ${JSON.stringify(key)} (any more)`, {
      op: 'HeadObject',
      source: key,
      httpStatus: 404,
    });
  }
  return { key, sizeBytes: stat.sizeBytes, etag: stat.etag };
}
