import { createHash, randomUUID } from 'node:crypto';
import type { ObjectAttributes } from '../content/content-store.ts';
import { MemoryObject } from '../content/memory-content.ts';
import type { RequestBody } from './request-body.ts';
import { S3Error } from './s3-error.ts';

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly attributes: ObjectAttributes;
  readonly parts: Map<number, RequestBody>;
}

export interface CompletedPart {
  readonly number: number;
  /** Quotes do not matter. */
  readonly etag: string;
}

const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** Uploads in progress. Their bytes are in memory, as everything that is written here. */
export class MultipartUploads {
  readonly #uploads = new Map<string, Upload>();

  /** @returns the upload id */
  create(bucket: string, key: string, attributes: ObjectAttributes): string {
    const id = randomUUID();
    this.#uploads.set(id, { bucket, key, attributes, parts: new Map() });
    return id;
  }

  /**
   * @returns the ETag of the part, without quotes
   * @throws S3Error NoSuchUpload, InvalidArgument
   */
  addPart(bucket: string, key: string, id: string, number: number, body: RequestBody): string {
    if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS) {
      throw new S3Error(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    }
    this.#find(bucket, key, id).parts.set(number, body);
    return body.md5;
  }

  /**
   * Puts the parts together; the ETag is the MD5 of the MD5s of the parts and their number.
   * @throws S3Error NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall, MalformedXML
   */
  complete(bucket: string, key: string, id: string, listed: readonly CompletedPart[]): MemoryObject {
    const upload = this.#find(bucket, key, id);
    if (listed.length === 0) throw new S3Error(400, 'MalformedXML', 'You must specify at least one part');
    const hash = createHash('md5');
    const chunks: Buffer[] = [];
    let previous = 0;
    for (const [index, { number, etag }] of listed.entries()) {
      if (number <= previous)
        throw new S3Error(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
      previous = number;
      const part = upload.parts.get(number);
      if (part === undefined || part.md5 !== etag.replaceAll('"', '')) {
        throw new S3Error(400, 'InvalidPart', 'One or more of the specified parts could not be found.');
      }
      if (part.size < MIN_PART_BYTES && index < listed.length - 1) {
        throw new S3Error(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size');
      }
      hash.update(part.md5, 'hex');
      for (const chunk of part.chunks) chunks.push(chunk);
    }
    this.#uploads.delete(id);
    return new MemoryObject(chunks, { attributes: upload.attributes, etag: `${hash.digest('hex')}-${listed.length}` });
  }

  /** @throws S3Error NoSuchUpload */
  abort(bucket: string, key: string, id: string): void {
    this.#find(bucket, key, id);
    this.#uploads.delete(id);
  }

  #find(bucket: string, key: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload === undefined || upload.bucket !== bucket || upload.key !== key) {
      throw new S3Error(404, 'NoSuchUpload', 'The specified upload does not exist.');
    }
    return upload;
  }
}
