import { GcsError, invalid } from './gcs-error.ts';
import type { ExpectedDigest } from './object-digest.ts';

/** What a client may set on an object. */
export interface ObjectSettings {
  readonly contentType: string;
  readonly storageClass: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly customTime?: string;
  readonly temporaryHold?: boolean;
  readonly eventBasedHold?: boolean;
  /** Custom metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The body of a request about an object, with the types checked. */
export interface RequestedSettings extends ExpectedDigest {
  readonly name?: string;
  /** `null` removes a field, or one key of `metadata`. */
  readonly fields: Readonly<Record<string, string | boolean | null>>;
  readonly metadata?: Readonly<Record<string, string | null>> | null;
}

const TEXT_FIELDS = [
  'contentType',
  'storageClass',
  'cacheControl',
  'contentDisposition',
  'contentEncoding',
  'contentLanguage',
  'customTime',
] as const;
const FLAG_FIELDS = ['temporaryHold', 'eventBasedHold'] as const;

const STORAGE_CLASSES = new Set([
  'STANDARD',
  'NEARLINE',
  'COLDLINE',
  'ARCHIVE',
  'MULTI_REGIONAL',
  'REGIONAL',
  'DURABLE_REDUCED_AVAILABILITY',
]);

/** Sum of the lengths of all keys and values. @see https://cloud.google.com/storage/quotas#objects */
const MAX_METADATA_BYTES = 8_192;
const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

/**
 * Reads an object resource from a request body; fields that a client cannot set are ignored, as GCS does.
 * @throws GcsError 400 for a field of the wrong type
 */
export function readSettings(body: unknown): RequestedSettings {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw parseError('the body is not an object');
  const source = body as Record<string, unknown>;
  const fields: Record<string, string | boolean | null> = {};
  for (const field of TEXT_FIELDS) {
    const value = source[field];
    if (value !== undefined) fields[field] = value === null ? null : text(value, field);
  }
  for (const field of FLAG_FIELDS) {
    const value = source[field];
    if (value === undefined) continue;
    if (typeof value !== 'boolean' && value !== null) throw parseError(`${field} is not a boolean`);
    fields[field] = value;
  }
  if (typeof fields.customTime === 'string' && Number.isNaN(Date.parse(fields.customTime))) {
    throw invalid(`Invalid value for field customTime: '${fields.customTime}'`);
  }
  const { name, crc32c, md5Hash, metadata } = source;
  return {
    fields,
    ...(metadata === undefined ? {} : { metadata: readMetadata(metadata) }),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof crc32c === 'string' ? { crc32c } : {}),
    ...(typeof md5Hash === 'string' ? { md5Hash } : {}),
  };
}

/** The settings of a new object. `storageClass` is the bucket's. */
export function newSettings(requested: RequestedSettings, storageClass: string, contentType?: string): ObjectSettings {
  return mergeSettings({ contentType: contentType ?? DEFAULT_CONTENT_TYPE, storageClass }, requested);
}

/**
 * A patch (RFC 7396): fields given replace, `null` removes, everything else stays.
 * @throws GcsError 400 where the result breaks a limit
 */
export function mergeSettings(current: ObjectSettings, requested: RequestedSettings): ObjectSettings {
  const merged: Record<string, unknown> = { ...current, ...requested.fields };
  for (const [field, value] of Object.entries(requested.fields)) {
    if (value === null) delete merged[field];
  }
  if (requested.metadata === null) delete merged.metadata;
  else if (requested.metadata !== undefined) {
    const metadata: Record<string, string | null> = { ...current.metadata, ...requested.metadata };
    for (const [key, value] of Object.entries(metadata)) if (value === null) delete metadata[key];
    if (Object.keys(metadata).length > 0) merged.metadata = metadata;
    else delete merged.metadata;
  }
  const settings = { contentType: DEFAULT_CONTENT_TYPE, storageClass: current.storageClass, ...merged };
  checkLimits(settings);
  return settings;
}

/** @throws GcsError 400 for what is no storage class */
export function checkStorageClass(storageClass: unknown): void {
  if (typeof storageClass !== 'string' || !STORAGE_CLASSES.has(storageClass)) {
    throw invalid(`Invalid argument: storage class '${String(storageClass)}'.`);
  }
}

function checkLimits(settings: ObjectSettings): void {
  checkStorageClass(settings.storageClass);
  if (settings.metadata === undefined) return;
  let bytes = 0;
  for (const [key, value] of Object.entries(settings.metadata))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes > MAX_METADATA_BYTES) {
    throw invalid(
      `Your metadata headers exceed the maximum allowed metadata size of ${MAX_METADATA_BYTES} bytes: ${bytes}.`,
    );
  }
}

function readMetadata(metadata: unknown): Record<string, string | null> | null {
  if (metadata === null) return null;
  if (typeof metadata !== 'object' || Array.isArray(metadata)) throw parseError('metadata is not an object');
  const entries = Object.entries(metadata).map(([key, value]): [string, string | null] => {
    if (key === '') throw invalid('Metadata keys must not be empty.');
    return [key, value === null ? null : text(value, `metadata.${key}`)];
  });
  return Object.fromEntries(entries);
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string') throw parseError(`${field} is not a string`);
  return value;
}

function parseError(detail: string): GcsError {
  return new GcsError(400, 'parseError', `Parse Error: ${detail}`);
}
