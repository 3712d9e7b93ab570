import { crc32c } from '@node-rs/crc32';
import type { ObjectDestination, RewriteRequest, WriteRequest } from '@object-transfer/core/ports/object-destination';

/** What is behind the destination's back. */
interface KeptObject {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly contentDisposition: string | undefined;
  readonly contentLanguage: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly storageClass: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

export interface DestinationFixture {
  readonly destination: ObjectDestination;
  /** The same service, and a bucket that does not exist. */
  readonly missing: ObjectDestination;
  /** What the bucket gives to objects that name no storage class. */
  readonly defaultStorageClass: string;
  keptObject(name: string): Promise<KeptObject | undefined>;
  close(): Promise<void>;
}

export const never = new AbortController().signal;

/** Creates an object of this content, unless told otherwise. */
export function writeRequest(name: string, content: Buffer, more: Partial<WriteRequest> = {}): WriteRequest {
  return {
    name,
    content: [content],
    properties: { metadata: {} },
    crc32c: crc32c(content),
    ifGenerationMatch: '0',
    signal: never,
    ...more,
  };
}

/** Creates a copy without properties, unless told otherwise. */
export function rewriteRequest(
  request: Pick<RewriteRequest, 'source' | 'name'> & Partial<RewriteRequest>,
): RewriteRequest {
  return { properties: { metadata: {} }, ifGenerationMatch: '0', signal: never, ...request };
}
