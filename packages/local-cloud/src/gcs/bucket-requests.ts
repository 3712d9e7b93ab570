import type { Bucket } from './bucket.ts';
import { send, sendJson, type GcsCall } from './gcs-call.ts';
import { invalid } from './gcs-error.ts';
import { checkStorageClass } from './object-settings.ts';
import { readJson } from './request-body.ts';

/**
 * A bucket in the wire format of the JSON API.
 * @see https://cloud.google.com/storage/docs/json_api/v1/buckets#resource
 */
function toBucketResource(bucket: Bucket, baseUrl: string): Record<string, unknown> {
  const { metageneration, ...settings } = bucket.settings;
  return {
    kind: 'storage#bucket',
    id: bucket.name,
    name: bucket.name,
    selfLink: `${baseUrl}/storage/v1/b/${bucket.name}`,
    projectNumber: '1',
    updated: settings.timeCreated,
    metageneration: String(metageneration),
    etag: Buffer.from(`${bucket.name}/${metageneration}`).toString('base64'),
    ...settings,
  };
}

export function listBuckets(call: GcsCall): void {
  const prefix = call.query.get('prefix') ?? '';
  const items = call.store
    .buckets()
    .filter((bucket) => bucket.name.startsWith(prefix))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map((bucket) => toBucketResource(bucket, call.baseUrl));
  sendJson(call, { kind: 'storage#buckets', ...(items.length === 0 ? {} : { items }) });
}

export async function insertBucket(call: GcsCall): Promise<void> {
  const { name, ...settings } = await readRecord(call);
  if (typeof name !== 'string') throw invalid('Required parameter: name');
  if (settings.storageClass !== undefined) checkStorageClass(settings.storageClass);
  sendJson(call, toBucketResource(call.store.createBucket(name, settings), call.baseUrl));
}

export function getBucket(call: GcsCall): void {
  sendJson(call, toBucketResource(call.store.bucket(call.route.bucket), call.baseUrl));
}

/** Any field may be set, and removed by `null`; only those that a client cannot own are left alone. */
export async function patchBucket(call: GcsCall): Promise<void> {
  const patch = await readRecord(call);
  const bucket = call.store.bucket(call.route.bucket);
  const { timeCreated, metageneration, storageClass } = bucket.settings;
  const merged = Object.fromEntries(
    Object.entries({ ...bucket.settings, ...patch }).filter(([, value]) => value !== null),
  );
  const changed = { storageClass, ...merged, timeCreated, metageneration: metageneration + 1 };
  checkStorageClass(changed.storageClass);
  bucket.settings = changed;
  sendJson(call, toBucketResource(bucket, call.baseUrl));
}

export function deleteBucket(call: GcsCall): void {
  call.store.deleteBucket(call.route.bucket);
  send(call.response, 204, '');
}

/** What `gcloud storage` asks to learn whether names form real folders. They do not. */
export function getStorageLayout(call: GcsCall): void {
  const { name, settings } = call.store.bucket(call.route.bucket);
  const { location, locationType } = settings;
  sendJson(call, {
    kind: 'storage#storageLayout',
    bucket: name,
    location,
    locationType,
    hierarchicalNamespace: { enabled: false },
  });
}

export function getIamPolicy(call: GcsCall): void {
  const { name } = call.store.bucket(call.route.bucket);
  sendJson(call, {
    kind: 'storage#policy',
    resourceId: `projects/_/buckets/${name}`,
    version: 1,
    etag: 'CAE=',
    bindings: [],
  });
}

/** Everybody may do everything. */
export function testIamPermissions(call: GcsCall): void {
  call.store.bucket(call.route.bucket);
  sendJson(call, { kind: 'storage#testIamPermissionsResponse', permissions: call.query.getAll('permissions') });
}

async function readRecord(call: GcsCall): Promise<Record<string, unknown>> {
  const body = await readJson(call.request);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('The body is not an object.');
  return body as Record<string, unknown>;
}
