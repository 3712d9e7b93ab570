import { send, sendJson, sendObject, type GcsCall } from './gcs-call.ts';
import { listNames, readListQuery } from './list-objects.ts';
import { mergeSettings, newSettings, readSettings } from './object-settings.ts';
import { checkBeforeRead, readInteger, readPreconditions } from './preconditions.ts';
import { readJson } from './request-body.ts';
import { toResource } from './stored-object.ts';

export function listObjects(call: GcsCall): void {
  const bucket = call.store.bucket(call.route.bucket);
  const query = readListQuery(call.query);
  // There is no soft delete here: the list of what can be restored is empty.
  const isEmpty = call.query.get('softDeleted') === 'true';
  const { names, prefixes, nextPageToken } = isEmpty ? { names: [], prefixes: [] } : listNames(bucket.names, query);
  const items = names.flatMap((name) => {
    const object = bucket.get(name);
    return object === undefined ? [] : [toResource(object, call.baseUrl)];
  });
  sendJson(call, {
    kind: 'storage#objects',
    ...(nextPageToken === undefined ? {} : { nextPageToken }),
    ...(prefixes.length === 0 ? {} : { prefixes }),
    ...(items.length === 0 ? {} : { items }),
  });
}

export function getObject(call: GcsCall): void {
  const object = call.store.object(call.route.bucket, call.route.object, readInteger(call.query, 'generation'));
  checkBeforeRead(readPreconditions(call.query), object);
  sendObject(call, object);
}

/** `objects.patch`: what the body names changes, `null` removes. */
export async function patchObject(call: GcsCall): Promise<void> {
  const requested = readSettings(await readJson(call.request));
  const object = call.store.object(call.route.bucket, call.route.object, readInteger(call.query, 'generation'));
  const settings = mergeSettings(object.settings, requested);
  sendObject(call, call.store.changeSettings(object, settings, readPreconditions(call.query)));
}

/** `objects.update`: what the body does not name is removed. */
export async function updateObject(call: GcsCall): Promise<void> {
  const requested = readSettings(await readJson(call.request));
  const object = call.store.object(call.route.bucket, call.route.object, readInteger(call.query, 'generation'));
  const settings = newSettings(requested, object.settings.storageClass);
  sendObject(call, call.store.changeSettings(object, settings, readPreconditions(call.query)));
}

export function deleteObject(call: GcsCall): void {
  const object = call.store.object(call.route.bucket, call.route.object, readInteger(call.query, 'generation'));
  call.store.remove(object, readPreconditions(call.query));
  send(call.response, 204, '');
}
