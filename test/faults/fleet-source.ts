import { createHash } from 'node:crypto';
import { MTIME_METADATA, SOURCE_ETAG_METADATA } from '@object-transfer/core/domain/destination-object';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import type { ObjectAttributes } from '@object-transfer/local-cloud/content/content-store';
import type { MemoryObject } from '@object-transfer/local-cloud/content/memory-content';
import { DESTINATION_BUCKET, type Rehearsal } from '../e2e/rehearsal.ts';

/** What is below one goes below the other. */
export const SOURCE_ROOT = 'photos/';
export const DESTINATION_ROOT = 'mirror/photos/';

/** What an object is on either side, in the words of GCS. */
interface ObjectImage {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Everything at the source is older than whatever happens in a test. */
const AGE_MS = 3_600_000;
const PARTS = `${DESTINATION_ROOT}.object-transfer-parts/`;

/** The objects that a test has put at the source, and what has become of them at the destination. */
export class FleetSource {
  readonly #rehearsal: Rehearsal;
  /** By the name below the root, as last put. */
  readonly #objects = new Map<string, { readonly object: MemoryObject; readonly bytes: Buffer }>();

  constructor(rehearsal: Rehearsal) {
    this.#rehearsal = rehearsal;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Puts a version of an object. @param ageMs how long ago, by what S3 says */
  put(name: string, text: string | Buffer = `content of ${name}`, ageMs = AGE_MS): void {
    const bytes = Buffer.from(text);
    const attributes: ObjectAttributes = {
      contentType: 'text/x-of-its-own',
      cacheControl: 'max-age=60',
      userMetadata: { owner: `the owner of ${name}` },
    };
    const lastModifiedMs = Date.now() - ageMs;
    const object = this.#rehearsal.source.put(SOURCE_ROOT + name, bytes, { attributes, lastModifiedMs });
    this.#objects.set(name, { object, bytes });
  }

  /** Small objects at the root and in folders, and a large one that moves in parts. @returns the rows that a dump makes of it */
  putTree(folders = ['a/', 'b/', 'c/', 'd/'], objectsEach = 6): readonly string[] {
    for (const folder of ['', ...folders]) {
      for (let index = 0; index < objectsEach; index++) this.put(`${folder}object ${index}`);
    }
    this.put(`${folders[0]}large`, Buffer.alloc(2.5 * 1024 * 1024, 'large '));
    return ['', ...folders];
  }

  /** As a listing tells of them. */
  listed(dirKey: string): readonly ExpectedObject[] {
    return [...this.#objects]
      .filter(([name]) => (dirKey === '' ? !name.includes('/') : name.startsWith(dirKey)))
      .map(([name, { object }]) => ({ key: SOURCE_ROOT + name, sizeBytes: object.size, etag: object.etag }));
  }

  /** Puts what is at the source to the destination, as a transfer would, but for some. */
  mirror(isLeftOut: (name: string) => boolean = () => false): void {
    for (const [name, { object, bytes }] of this.#objects) {
      if (isLeftOut(name)) continue;
      const { contentType, cacheControl, metadata } = imageOf(object, bytes);
      const settings = { contentType, cacheControl, metadata };
      this.#rehearsal.gcs.objects.put(DESTINATION_BUCKET, DESTINATION_ROOT + name, bytes, settings);
    }
  }

  /** What should be at the destination, by the name below its root. */
  expected(): Map<string, ObjectImage> {
    return new Map([...this.#objects].map(([name, { object, bytes }]) => [name, imageOf(object, bytes)]));
  }

  /** What is, without temporary parts. */
  async found(): Promise<Map<string, ObjectImage>> {
    const { objects } = this.#rehearsal.gcs;
    const found = new Map<string, ObjectImage>();
    for (const name of objects.names(DESTINATION_BUCKET)) {
      const stored = name.startsWith(PARTS) ? undefined : await objects.object(DESTINATION_BUCKET, name);
      if (stored === undefined) continue;
      const { contentType, cacheControl, metadata = {} } = stored.resource;
      found.set(name.slice(DESTINATION_ROOT.length), {
        ...contentOf(stored.bytes),
        contentType,
        cacheControl,
        metadata,
      });
    }
    return found;
  }

  /** Names of the temporary parts that are left. */
  get leftParts(): readonly string[] {
    const names = this.#rehearsal.gcs.objects.names(DESTINATION_BUCKET);
    return names.filter((name) => name.startsWith(PARTS));
  }
}

function imageOf(object: MemoryObject, bytes: Buffer): ObjectImage {
  const { contentType, cacheControl, userMetadata } = object.attributes;
  const kept = {
    [SOURCE_ETAG_METADATA]: object.etag,
    [MTIME_METADATA]: String(object.lastModifiedMs / 1000),
  };
  return { ...contentOf(bytes), contentType, cacheControl, metadata: { ...userMetadata, ...kept } };
}

function contentOf(bytes: Buffer): Pick<ObjectImage, 'sizeBytes' | 'sha256'> {
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
