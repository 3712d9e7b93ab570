import type { Bucket } from './bucket.ts';
import { sendObject, type GcsCall } from './gcs-call.ts';
import { checkObjectName } from './name-rules.ts';
import { newSettings, readSettings, type ObjectSettings } from './object-settings.ts';
import { checkBeforeWrite, readInteger, readPreconditions, type Preconditions } from './preconditions.ts';
import type { StoredObject } from './stored-object.ts';
import { readJson } from './request-body.ts';

/** A copy that may be made as far as can be said before the bytes move. */
export interface PlannedCopy {
  readonly source: StoredObject;
  readonly bucket: Bucket;
  readonly name: string;
  readonly settings: ObjectSettings;
  readonly conditions: Preconditions;
}

/** `copyTo`, the older method: always done in one call. */
export async function copyObject(call: GcsCall): Promise<void> {
  sendObject(call, await carryOut(call, planCopy(call, await readJson(call.request))));
}

/**
 * @param body the new object's resource, `{}` for that of the source
 * @throws GcsError 400, 404, 412
 */
export function planCopy({ route, query, store }: GcsCall, body: unknown): PlannedCopy {
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
  return { source, bucket, name: target.object, settings, conditions };
}

/** True where GCS moves the bytes: everything here is in one location. */
export function changesClass({ source, settings }: PlannedCopy): boolean {
  return source.settings.storageClass !== settings.storageClass;
}

/** @throws GcsError 412 or 429 where the destination has changed since */
export async function carryOut(call: GcsCall, copy: PlannedCopy): Promise<StoredObject> {
  const { source, bucket, name, settings, conditions } = copy;
  const content = await bucket.contents.concat(name, [source.content]);
  const { crc32c, md5Hash } = source;
  // Bytes that are moved become one piece; the object stays a composite one.
  const componentCount = source.componentCount !== undefined && changesClass(copy) ? 1 : source.componentCount;
  return call.store.insert(bucket, { name, settings, content, crc32c, md5Hash, componentCount }, conditions);
}
