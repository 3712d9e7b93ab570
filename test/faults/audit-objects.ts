import type { GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import type { StoredObject } from '@object-transfer/local-cloud/content/content-store';
import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { buffer } from 'node:stream/consumers';

/** What is to be compared. */
interface Audit {
  readonly source: Bucket;
  readonly gcs: GcsServer;
  /** Name of the destination bucket. */
  readonly destination: string;
  /** Names of further buckets for temporary parts: nothing may be left there. */
  readonly partsBuckets?: readonly string[];
  /** The destination's name of a key; `undefined` for one that is not to arrive. Default: the key itself. */
  readonly nameOf?: (key: string) => string | undefined;
}

export interface Discrepancy {
  readonly kind: 'missing' | 'extra' | 'bytes' | 'headers' | 'metadata' | 'leftover';
  /** The destination's. */
  readonly name: string;
  readonly detail: string;
}

const PARTS_FOLDER = '.object-transfer-parts/';
const KEPT_ETAG = 'x-goog-source-etag';
const KEPT_MTIME = 'goog-reserved-file-mtime';

/**
 * Holds every object of a source bucket of the local cloud against its destination, and every object of the destination against the
 * source, past all requests: bytes, content headers, custom metadata with the source's ETag and time, and what is left of parts.
 * @returns what differs, in no particular order; empty where all has arrived and nothing else is there
 */
export async function auditObjects(audit: Audit): Promise<readonly Discrepancy[]> {
  const { source, gcs, destination, partsBuckets = [], nameOf = (key) => key } = audit;
  const found: Discrepancy[] = [];
  const expected = new Set<string>();
  for (const cursor = source.content.cursor(''); cursor.key !== undefined; cursor.advance()) {
    const object = await cursor.stat();
    const name = nameOf(cursor.key);
    if (object === undefined || name === undefined) continue;
    expected.add(name);
    found.push(...(await compareObject(gcs, destination, name, object)));
  }
  for (const bucket of [destination, ...partsBuckets]) {
    for (const name of gcs.objects.names(bucket)) {
      if (name.includes(PARTS_FOLDER) || bucket !== destination) found.push({ kind: 'leftover', name, detail: bucket });
      else if (!expected.has(name)) found.push({ kind: 'extra', name, detail: 'the source does not have it' });
    }
  }
  return found;
}

async function compareObject(
  gcs: GcsServer,
  destination: string,
  name: string,
  source: StoredObject,
): Promise<readonly Discrepancy[]> {
  const arrived = await gcs.objects.object(destination, name);
  if (arrived === undefined) return [{ kind: 'missing', name, detail: `${source.size} bytes` }];
  const { resource, bytes } = arrived;
  const found: Discrepancy[] = [];
  const opened = source.open(0, source.size);
  const wanted = opened instanceof Uint8Array ? opened : await buffer(opened);
  if (!bytes.equals(wanted)) {
    const detail = `${bytes.length} bytes, the first other one at ${firstDifference(bytes, wanted)}; the source has ${source.size}`;
    found.push({ kind: 'bytes', name, detail });
  }
  const { attributes } = source;
  const headers: Readonly<Record<string, readonly [unknown, unknown]>> = {
    // S3 makes up a type where the uploader named none.
    contentType: [resource.contentType, attributes.contentType ?? 'binary/octet-stream'],
    cacheControl: [resource.cacheControl, attributes.cacheControl],
    contentDisposition: [resource.contentDisposition, attributes.contentDisposition],
    contentLanguage: [resource.contentLanguage, attributes.contentLanguage],
    contentEncoding: [resource.contentEncoding, attributes.contentEncoding],
  };
  for (const [header, [is, was]] of Object.entries(headers)) {
    if (is !== was) found.push({ kind: 'headers', name, detail: `${header} is ${String(is)}, was ${String(was)}` });
  }
  const metadata: Record<string, string> = {
    [KEPT_MTIME]: String(Math.floor(source.lastModifiedMs / 1000)),
    ...attributes.userMetadata,
    [KEPT_ETAG]: source.etag,
  };
  const kept: Readonly<Record<string, string>> = resource.metadata ?? {};
  for (const entry of new Set([...Object.keys(metadata), ...Object.keys(kept)])) {
    if (kept[entry] === metadata[entry]) continue;
    found.push({ kind: 'metadata', name, detail: `${entry} is ${kept[entry]}, was ${metadata[entry]}` });
  }
  return found;
}

function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) if (one[i] !== other[i]) return i;
  return length;
}
