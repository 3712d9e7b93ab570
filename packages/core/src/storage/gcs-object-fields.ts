import { SOURCE_ETAG_METADATA, type DestinationObject } from '../domain/destination-object.ts';
import { DestinationError } from '../domain/errors.ts';
import type { ObjectProperties } from '../domain/source-object.ts';
import { gcsUnreadableAnswer, type GcsOperation } from './gcs-failure.ts';

/**
 * The one place that maps GCS's object resource to and from the tool's own types: base64 to numbers and hexadecimal,
 * decimal strings to numbers, names of fields.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects#resource
 */

/** What is asked of every object that GCS reports. */
export const OBJECT_FIELDS = `name,size,generation,crc32c,md5Hash,metadata/${SOURCE_ETAG_METADATA}`;

/** What GCS stores where a client names no type. */
export const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

/** GCS's limit for custom metadata, names and values together. */
const MAX_METADATA_BYTES = 8192;

/** Fields of the resource that the tool writes. */
export interface GcsObjectMetadata {
  readonly name?: string;
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly storageClass?: string | undefined;
  readonly crc32c?: string;
  readonly md5Hash?: string | undefined;
}

/** @throws TypeError where the resource is not what was asked for; the caller knows what to make of it */
export function toDestinationObject(resource: unknown): DestinationObject {
  if (typeof resource !== 'object' || resource === null) throw new TypeError('an object resource is no JSON object');
  const { name, size, generation, crc32c, md5Hash, metadata } = resource as Record<string, unknown>;
  if (typeof name !== 'string' || name === '') throw new TypeError('an object resource has no name');
  const sizeBytes = typeof size === 'string' && /^\d+$/.test(size) ? Number(size) : Number.NaN;
  if (!Number.isSafeInteger(sizeBytes)) throw new TypeError(`${JSON.stringify(name)} has no size`);
  if (typeof generation !== 'string' || !/^\d+$/.test(generation)) {
    throw new TypeError(`${JSON.stringify(name)} has no generation`);
  }
  const sourceEtag = (metadata as Record<string, unknown> | null | undefined)?.[SOURCE_ETAG_METADATA];
  return {
    name,
    sizeBytes,
    generation,
    crc32c: typeof crc32c === 'string' ? decodeCrc32c(crc32c) : undefined,
    md5: typeof md5Hash === 'string' ? decodeMd5(md5Hash) : undefined,
    sourceEtag: typeof sourceEtag === 'string' ? sourceEtag : undefined,
  };
}

/**
 * The object that was asked about. An answer about another one belongs to another request: something between has lost count of a
 * kept-alive connection. To believe it would mean to hold the one against the bytes of the other, and to delete it.
 * @throws TypeError where it is another one, or as {@link toDestinationObject}
 */
export function toNamedObject(resource: unknown, name: string): DestinationObject {
  const object = toDestinationObject(resource);
  if (object.name !== name) throw new TypeError(`the answer is about ${JSON.stringify(object.name)}`);
  return object;
}

/**
 * Reads the answer to a request about one object.
 * @throws DestinationError `DESTINATION_UNAVAILABLE`: also for an answer about another object
 */
export function parseGcsObject(body: string, name: string, operation: GcsOperation): DestinationObject {
  try {
    return toNamedObject(JSON.parse(body), name);
  } catch (error) {
    throw gcsUnreadableAnswer(operation, error);
  }
}

/** Fields that are absent at the source stay absent: `JSON.stringify` leaves out what is `undefined`. */
export function toGcsProperties(properties: ObjectProperties, storageClass: string | undefined): GcsObjectMetadata {
  return {
    contentType: properties.contentType,
    cacheControl: properties.cacheControl,
    contentDisposition: properties.contentDisposition,
    contentLanguage: properties.contentLanguage,
    contentEncoding: properties.contentEncoding,
    metadata: properties.metadata,
    storageClass,
  };
}

/** What is said of an object that is to be made. GCS refuses bytes that have another MD5 than the one given. */
export function toGcsInsert(target: {
  readonly name: string;
  readonly properties: ObjectProperties;
  readonly storageClass?: string | undefined;
  readonly md5?: string | undefined;
}): GcsObjectMetadata {
  const { name, properties, storageClass, md5 } = target;
  const md5Hash = md5 === undefined ? undefined : encodeMd5(md5);
  return { name, ...toGcsProperties(properties, storageClass), md5Hash };
}

/** @throws DestinationError `DESTINATION_METADATA_TOO_LARGE` beyond {@link MAX_METADATA_BYTES} */
export function checkMetadataSize(op: string, destination: string, metadata: Readonly<Record<string, string>>): void {
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  if (bytes <= MAX_METADATA_BYTES) return;
  throw new DestinationError(
    'DESTINATION_METADATA_TOO_LARGE',
    `${op} ${destination}: the custom metadata has ${bytes} bytes, GCS takes ${MAX_METADATA_BYTES}`,
    { op, destination },
  );
}

/** Four bytes, the most significant first, in base64. */
export function encodeCrc32c(crc32c: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(crc32c >>> 0);
  return bytes.toString('base64');
}

export function encodeMd5(md5: string): string {
  return Buffer.from(md5, 'hex').toString('base64');
}

/** Bytes on their way from one form of text to another: listings decode two texts per object. */
const scratch = Buffer.alloc(64);

function decodeMd5(text: string): string {
  return scratch.toString('hex', 0, scratch.write(text, 'base64'));
}

/** By hand it is 20 ns in place of 120. */
function decodeCrc32c(text: string): number | undefined {
  if (text.length !== 8 || !text.endsWith('==')) return undefined;
  // Six digits are 36 bits, of which the last four are none of the number.
  let number = 0;
  for (let i = 0; i < 6; i++) {
    const digit = BASE64_DIGITS[text.charCodeAt(i)];
    if (digit === undefined) return undefined;
    number = i < 5 ? number * 64 + digit : number * 4 + (digit >>> 4);
  }
  return number;
}

const BASE64_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** By character code; `undefined` where a character is no digit. */
const BASE64_DIGITS: readonly (number | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const digit = BASE64_ALPHABET.indexOf(String.fromCharCode(code));
  return digit === -1 ? undefined : digit;
});
