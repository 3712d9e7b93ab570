import type { DestinationObject } from '../domain/destination-object.ts';
import type { RewriteRequest } from '../ports/object-destination.ts';
import { gcsUnreadableAnswer, type GcsOperation } from './gcs-failure.ts';
import { jsonBody, type GcsJsonApi } from './gcs-json-api.ts';
import {
  checkMetadataSize,
  DEFAULT_CONTENT_TYPE,
  OBJECT_FIELDS,
  toNamedObject,
  toGcsProperties,
} from './gcs-object-fields.ts';
import { queryString } from './query-string.ts';

/** What a rewrite runs on. */
export interface GcsRewriteContext {
  readonly api: GcsJsonApi;
  /** `/storage/v1/b/<bucket>/o/<source>/rewriteTo/b/<bucket>/o/<name>`, below the endpoint's base path. */
  readonly path: string;
  readonly operation: GcsOperation;
}

type RewriteAnswer =
  | { readonly done: true; readonly object: DestinationObject }
  | { readonly done: false; readonly rewriteToken: string };

const FIELDS = `done,rewriteToken,resource(${OBJECT_FIELDS})`;

/**
 * Copies an object within its bucket. Where the storage class changes, GCS copies the bytes and answers after a while
 * with a token to go on by; nothing is under the name before it says that it is done.
 * @throws DestinationError `DESTINATION_NOT_FOUND` where the source is gone
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
 */
export async function rewriteGcsObject(
  { api, path, operation }: GcsRewriteContext,
  request: RewriteRequest,
): Promise<DestinationObject> {
  const { source, name, properties, storageClass, ifGenerationMatch, signal } = request;
  checkMetadataSize(operation.op, operation.destination, properties.metadata);
  const metadata = toGcsProperties(properties, storageClass);
  // Every call repeats it, and it always names a type: an empty body would keep what the source has.
  const body = jsonBody({ ...metadata, name, contentType: metadata.contentType ?? DEFAULT_CONTENT_TYPE });
  let rewriteToken: string | undefined;
  for (;;) {
    const query = queryString({
      ifGenerationMatch,
      sourceGeneration: source.generation,
      ifSourceGenerationMatch: source.generation,
      rewriteToken,
      fields: FIELDS,
    });
    const sent = { method: 'POST', path: `${path}?${query}`, body, operation, signal } as const;
    const answer = await api.read(sent, ({ text }) => parseAnswer(text, name, operation));
    if (answer.done) return answer.object;
    ({ rewriteToken } = answer);
  }
}

function parseAnswer(text: string, name: string, operation: GcsOperation): RewriteAnswer {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) throw new TypeError('the answer is no JSON object');
    const { done, rewriteToken, resource } = parsed as Record<string, unknown>;
    if (done === true) return { done, object: toNamedObject(resource, name) };
    // Asking again without a token would start from the beginning, for ever.
    if (done !== false || typeof rewriteToken !== 'string' || rewriteToken === '') {
      throw new TypeError('the answer says neither that it is done nor how to go on');
    }
    return { done, rewriteToken };
  } catch (error) {
    throw gcsUnreadableAnswer(operation, error);
  }
}
