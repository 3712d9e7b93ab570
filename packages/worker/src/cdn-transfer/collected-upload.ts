import type { ObjectDestination, ObjectUpload, UploadRequest } from '@object-transfer/core/ports/object-destination';

/**
 * An upload that is taken into memory and sent in one request, once its CRC32C is known: for objects without an MD5 that are too
 * small for the two further requests of a session.
 */
export function openCollectedUpload(destination: ObjectDestination, request: UploadRequest): ObjectUpload {
  const content: Buffer[] = [];
  const { sizeBytes: _, ...target } = request;
  return {
    write: (bytes) => {
      content.push(Buffer.from(bytes));
      return Promise.resolve();
    },
    // As often as one likes: it is all there.
    mayFinishAgain: true,
    finish: (crc32c) => destination.write({ ...target, content, crc32c }),
    abort: () => Promise.resolve(),
  };
}
