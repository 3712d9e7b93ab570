import type { Content } from './content-store.ts';
import { encodeCrc32c, type Digest } from './object-digest.ts';
import type { ObjectSettings } from './object-settings.ts';

/** The live generation of an object. Replaced as a whole, never changed. */
export interface StoredObject extends Digest {
  readonly bucket: string;
  readonly name: string;
  /** Microseconds since 1970, growing with every write of the server. */
  readonly generation: number;
  /** 1, and one more with every change of the settings. */
  readonly metageneration: number;
  readonly settings: ObjectSettings;
  readonly content: Content;
  /** How many pieces a composite object was made of. */
  readonly componentCount?: number | undefined;
  readonly timeCreatedMs: number;
  readonly updatedMs: number;
  readonly timeStorageClassUpdatedMs: number;
}

/**
 * An object in the wire format of the JSON API.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects#resource
 */
export interface ObjectResource extends ObjectSettings {
  readonly kind: 'storage#object';
  readonly id: string;
  readonly selfLink: string;
  readonly mediaLink: string;
  readonly name: string;
  readonly bucket: string;
  readonly generation: string;
  readonly metageneration: string;
  readonly size: string;
  readonly md5Hash?: string;
  readonly crc32c: string;
  readonly etag: string;
  readonly timeCreated: string;
  readonly updated: string;
  readonly timeStorageClassUpdated: string;
  readonly timeFinalized: string;
  readonly componentCount?: number;
}

/** @param baseUrl what the client calls this server, for `selfLink` and `mediaLink`; no trailing slash */
export function toResource(object: StoredObject, baseUrl: string): ObjectResource {
  const path = `storage/v1/b/${object.bucket}/o/${encodeURIComponent(object.name)}`;
  const timeCreated = new Date(object.timeCreatedMs).toISOString();
  return {
    kind: 'storage#object',
    id: `${object.bucket}/${object.name}/${object.generation}`,
    selfLink: `${baseUrl}/${path}`,
    mediaLink: `${baseUrl}/download/${path}?generation=${object.generation}&alt=media`,
    name: object.name,
    bucket: object.bucket,
    generation: String(object.generation),
    metageneration: String(object.metageneration),
    ...object.settings,
    size: String(object.content.sizeBytes),
    ...(object.md5Hash === undefined ? {} : { md5Hash: object.md5Hash }),
    crc32c: encodeCrc32c(object.crc32c),
    ...(object.componentCount === undefined ? {} : { componentCount: object.componentCount }),
    etag: etagOf(object),
    timeCreated,
    updated: isoTime(object.updatedMs, object.timeCreatedMs, timeCreated),
    timeStorageClassUpdated: isoTime(object.timeStorageClassUpdatedMs, object.timeCreatedMs, timeCreated),
    timeFinalized: timeCreated,
  };
}

/** The JSON API's etag: base64 of a protocol buffer with generation and metageneration, as GCS computes it. */
export function etagOf(object: StoredObject): string {
  const bytes = [0x08, ...varint(object.generation), 0x10, ...varint(object.metageneration)];
  return Buffer.from(bytes).toString('base64');
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}

function isoTime(timeMs: number, knownMs: number, known: string): string {
  return timeMs === knownMs ? known : new Date(timeMs).toISOString();
}
