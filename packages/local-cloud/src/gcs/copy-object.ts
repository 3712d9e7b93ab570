import { sendJson, sendObject, type GcsCall } from './gcs-call.ts';
import { checkObjectName } from './name-rules.ts';
import { newSettings, readSettings } from './object-settings.ts';
import { checkBeforeWrite, readInteger, readPreconditions } from './preconditions.ts';
import { readJson } from './request-body.ts';
import { toResource, type StoredObject } from './stored-object.ts';

/** `rewriteTo`: always done in one call, whatever the size. */
export async function rewriteObject(call: GcsCall): Promise<void> {
  const object = await copy(call);
  const size = String(object.content.sizeBytes);
  sendJson(call, {
    kind: 'storage#rewriteResponse',
    totalBytesRewritten: size,
    objectSize: size,
    done: true,
    resource: toResource(object, call.baseUrl),
  });
}

/** `copyTo`, the older method. */
export async function copyObject(call: GcsCall): Promise<void> {
  sendObject(call, await copy(call));
}

async function copy(call: GcsCall): Promise<StoredObject> {
  const body = await readJson(call.request);
  const { route, query, store } = call;
  const target = route.destination ?? { bucket: '', object: '' };
  const bucket = store.bucket(target.bucket);
  const conditions = readPreconditions(query);
  checkObjectName(target.object);
  const source = store.object(route.bucket, route.object, readInteger(query, 'sourceGeneration'));
  checkBeforeWrite(readPreconditions(query, 'ifSource'), source);
  checkBeforeWrite(conditions, bucket.get(target.object));
  const requested = readSettings(body);
  const { storageClass } = bucket.settings;
  // A body replaces the settings as a whole; without one they are the source's, but for the storage class.
  const keepsSettings = Object.keys(requested.fields).length === 0 && requested.metadata === undefined;
  const settings = keepsSettings
    ? { ...source.settings, storageClass }
    : newSettings(requested, storageClass, source.settings.contentType);
  const content = await bucket.contents.concat(target.object, [source.content]);
  const { crc32c, md5Hash, componentCount } = source;
  return store.insert(bucket, { name: target.object, settings, content, crc32c, md5Hash, componentCount }, conditions);
}
