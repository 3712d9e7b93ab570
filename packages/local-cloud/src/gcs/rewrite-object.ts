import { createHash } from 'node:crypto';
import { carryOut, changesClass, planCopy, type PlannedCopy } from './copy-object.ts';
import { sendJson, type GcsCall } from './gcs-call.ts';
import { invalid, noSuchObject } from './gcs-error.ts';
import { readInteger } from './preconditions.ts';
import { readJson } from './request-body.ts';
import { toResource } from './stored-object.ts';

/** GCS takes only multiples of this for `maxBytesRewrittenPerCall`. */
const CALL_UNIT_BYTES = 1024 * 1024;

/** What a rewrite token stands for. */
interface Progress {
  /** Tells one rewrite from another: a token goes with the request that it was given for. */
  readonly request: string;
  readonly generation: number;
  readonly rewrittenBytes: number;
}

/**
 * `rewriteTo`. Where the storage class changes, a call comes only as far as `maxBytesRewrittenPerCall` and answers with a
 * token to go on by; the destination appears with the last call.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
 */
export async function rewriteObject(call: GcsCall): Promise<void> {
  const body = await readJson(call.request);
  const copy = planCopy(call, body);
  const bytesPerCall = readBytesPerCall(call);
  const objectBytes = copy.source.content.sizeBytes;
  const request = requestDigest(copy, body);
  const before = readProgress(call, copy, request);
  const rewrittenBytes = changesClass(copy) ? Math.min(before + bytesPerCall, objectBytes) : objectBytes;
  const response = {
    kind: 'storage#rewriteResponse',
    totalBytesRewritten: String(rewrittenBytes),
    objectSize: String(objectBytes),
  };
  if (rewrittenBytes < objectBytes) {
    const rewriteToken = encodeProgress({ request, generation: copy.source.generation, rewrittenBytes });
    sendJson(call, { ...response, done: false, rewriteToken });
    return;
  }
  const object = await carryOut(call, copy);
  sendJson(call, { ...response, done: true, resource: toResource(object, call.baseUrl) });
}

function readBytesPerCall(call: GcsCall): number {
  const asked = readInteger(call.query, 'maxBytesRewrittenPerCall') ?? 0;
  if (asked < 0 || asked % CALL_UNIT_BYTES !== 0) {
    throw invalid(`Invalid value for maxBytesRewrittenPerCall: ${asked} is no multiple of ${CALL_UNIT_BYTES}.`);
  }
  return asked === 0 ? (call.maxBytesRewrittenPerCall ?? Number.POSITIVE_INFINITY) : asked;
}

/**
 * @returns how many bytes earlier calls have rewritten
 * @throws GcsError 400 for a token that was not given for this request, 404 where the source was replaced since
 */
function readProgress(call: GcsCall, { source }: PlannedCopy, request: string): number {
  const token = call.query.get('rewriteToken');
  if (token === null) return 0;
  const progress = decodeProgress(token);
  if (progress?.request !== request) throw invalid('Invalid rewriteToken.');
  if (progress.generation !== source.generation) throw noSuchObject(source.bucket, source.name);
  return progress.rewrittenBytes;
}

function requestDigest({ source, bucket, name }: PlannedCopy, body: unknown): string {
  const parts = [source.bucket, source.name, bucket.name, name, body];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

function encodeProgress(progress: Progress): string {
  return Buffer.from(JSON.stringify(progress)).toString('base64url');
}

function decodeProgress(token: string): Progress | undefined {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as Progress;
  } catch {
    // Not one of ours: the caller refuses it.
    return undefined;
  }
}
