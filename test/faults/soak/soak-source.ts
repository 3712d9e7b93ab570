import { createHash } from 'node:crypto';
import type { ObjectAttributes } from '@object-transfer/local-cloud/content/content-store';
import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { pick, randomFor } from './seeded-random.ts';

/** The folder of what cannot be transferred. */
export const UNMOVABLE = 'unmovable/';
/** Names of objects whose bytes no MD5 vouches for, neither at S3 nor at GCS. */
export const WITHOUT_MD5 = /(?:composed|large)-\d/;

const KIB = 1024;
const MIB = 1024 * KIB;
const OBJECTS_PER_FOLDER = 150;
/** Of a soak's objects, so many are large enough to move as parts, but few: they are there for what can happen to parts. */
const LARGE_SHARE = 1 / 400;

const TYPES = [undefined, 'text/plain; charset=utf-8', 'image/jpeg', 'application/x-ndjson'];
const NAMES = [
  'plain',
  'with blank',
  'plus+sign',
  'per%20cent',
  'ümläut',
  '日本',
  "quote'",
  '#hash?',
  'a//b',
  '[x]*',
  '..',
  '&<>',
];

/**
 * Fills a bucket: folders with objects of all sizes that are handled differently, names of all sorts, metadata, ETags that are no
 * MD5, objects directly under the root, and a folder of objects that can never arrive.
 * @returns the code of the permanent failure of each key that has one
 */
export function fillSource(bucket: Bucket, objects: number, seed: number): ReadonlyMap<string, string> {
  const random = randomFor(seed, 'source');
  for (let index = 0; index < objects; index++) {
    const folder = Math.floor(index / OBJECTS_PER_FOLDER);
    putObject(bucket, `${folder === 0 ? '' : `folder-${folder}/`}${nameOf(index, random)}`, random);
  }
  const unmovable = new Map<string, string>();
  for (let index = 0; index < 5; index++) {
    const archived = `${UNMOVABLE}archived-${index}`;
    bucket.put(archived, bytesOf(100, random), { attributes: { storageClass: 'GLACIER' } });
    unmovable.set(archived, 'SOURCE_ARCHIVED');
    const forbidden = `${UNMOVABLE}line\nfeed-${index}`;
    bucket.put(forbidden, bytesOf(100, random));
    unmovable.set(forbidden, 'DESTINATION_NAME_FORBIDDEN');
  }
  return unmovable;
}

/** Writes a new version of a key, or its first. */
export function putObject(bucket: Bucket, key: string, random: () => number): void {
  const content = bytesOf(sizeOf(key, random), random);
  const md5 = createHash('md5').update(content).digest('hex');
  bucket.put(key, content, {
    // Of objects of the same content, whose ETags are the same, nobody can tell one's answer from another's.
    attributes: content.length === 0 ? {} : attributesOf(random),
    ...(/(?:composed)-\d/.test(key) ? { etag: `${md5}-2` } : {}),
  });
}

function nameOf(index: number, random: () => number): string {
  if (random() < LARGE_SHARE) return `large-${index}`;
  if (random() < 0.15) return `composed-${index}`;
  return `${pick(NAMES, random)}/${index}`.replace('/', random() < 0.5 ? '/' : '-');
}

/** In memory, as a stream, through a session, in parts: the soak's settings make parts of all from 2 MiB on. */
function sizeOf(key: string, random: () => number): number {
  if (key.includes('large-')) return Math.floor((2 + 2 * random()) * MIB);
  const kind = random();
  if (kind < 0.05) return 0;
  // Not so small that two of them may well be alike.
  if (kind < 0.8) return Math.floor(16 + random() * 8 * KIB);
  if (kind < 0.98) return Math.floor(32 * KIB + random() * 64 * KIB);
  return Math.floor(MIB + random() * 64 * KIB);
}

function attributesOf(random: () => number): ObjectAttributes {
  const contentType = pick(TYPES, random);
  if (random() < 0.7) return { contentType };
  return {
    contentType,
    cacheControl: 'max-age=60',
    contentDisposition: 'attachment; filename="x"',
    contentLanguage: 'de',
    userMetadata: { owner: 'Zoë', number: String(Math.floor(random() * 1000)) },
  };
}

function bytesOf(size: number, random: () => number): Buffer {
  // A pattern that no shift and no exchange with another object leaves as it is.
  const seed = Math.floor(random() * 2 ** 32);
  const block = Buffer.alloc(Math.min(size, 4096));
  for (let i = 0; i + 4 <= block.length; i += 4) block.writeUInt32LE((seed + i * 2_654_435_761) >>> 0, i);
  const content = Buffer.alloc(size, block.length === 0 ? 0 : block);
  for (let at = 0; at + 4 <= size; at += 4096) content.writeUInt32LE(at, at);
  return content;
}
