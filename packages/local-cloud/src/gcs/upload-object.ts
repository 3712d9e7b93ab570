import { sendObject, type GcsCall } from './gcs-call.ts';
import { checkContentTypes, IncomingObject } from './incoming-object.ts';
import { MultipartRelated } from './multipart-related.ts';
import { checkObjectName } from './name-rules.ts';
import { parseHashHeader, type ExpectedDigest } from './object-digest.ts';
import { newSettings, readSettings, type RequestedSettings } from './object-settings.ts';
import { readPreconditions } from './preconditions.ts';
import { consume, parseJson } from './request-body.ts';

/** `uploadType=media`: the body is the object, the query names it. */
export async function uploadMedia(call: GcsCall): Promise<void> {
  const bucket = call.store.bucket(call.route.bucket);
  const conditions = readPreconditions(call.query);
  const requested = requestedByQuery(call.query, { fields: {} });
  const name = requested.name ?? '';
  checkObjectName(name);
  const settings = newSettings(requested, bucket.settings.storageClass, call.request.headers['content-type']);
  const incoming = new IncomingObject(bucket, name, settings);
  try {
    await consume(call.request, (bytes) => incoming.write(bytes));
  } catch (error) {
    incoming.abort();
    throw error;
  }
  sendObject(call, incoming.commit(call, conditions, parseHashHeader(call.request.headers['x-goog-hash'])));
}

/** `uploadType=multipart`: metadata and bytes in one `multipart/related` body. */
export async function uploadMultipart(call: GcsCall): Promise<void> {
  const bucket = call.store.bucket(call.route.bucket);
  const conditions = readPreconditions(call.query);
  let incoming: IncomingObject | undefined;
  let expected: ExpectedDigest = {};
  const parser = new MultipartRelated(call.request.headers['content-type'], {
    onMetadata(json, contentType) {
      const requested = requestedByQuery(call.query, readSettings(parseJson(json)));
      const name = requested.name ?? '';
      checkObjectName(name);
      checkContentTypes(requested.fields.contentType, contentType);
      const settings = newSettings(requested, bucket.settings.storageClass, contentType);
      incoming = new IncomingObject(bucket, name, settings);
      expected = requested;
    },
    onMedia: (bytes) => incoming?.write(bytes),
  });
  try {
    await consume(call.request, (bytes) => parser.push(bytes));
    parser.end();
  } catch (error) {
    incoming?.abort();
    throw error;
  }
  if (incoming === undefined) throw new TypeError('a multipart body ended well without metadata');
  sendObject(call, incoming.commit(call, conditions, expected, parseHashHeader(call.request.headers['x-goog-hash'])));
}

/** What the body asks for, completed by the parameters `name` and `contentEncoding`, which win over it. */
export function requestedByQuery(query: URLSearchParams, requested: RequestedSettings): RequestedSettings {
  const name = query.get('name');
  const contentEncoding = query.get('contentEncoding');
  return {
    ...requested,
    ...(name === null ? {} : { name }),
    ...(contentEncoding === null ? {} : { fields: { ...requested.fields, contentEncoding } }),
  };
}
