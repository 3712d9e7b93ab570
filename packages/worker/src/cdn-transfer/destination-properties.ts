import { MTIME_METADATA, SOURCE_ETAG_METADATA } from '@object-transfer/core/domain/destination-object';
import { hasMd5EtagForm, type ExpectedObject, type ObjectProperties } from '@object-transfer/core/domain/source-object';
import type { ObjectContent } from '@object-transfer/core/ports/object-source';

/**
 * Everything of the source survives; its ETag and modification time are kept in addition. A modification time that the
 * user had put there already (objects that came from a file system) stays the user's.
 */
export function destinationProperties(content: ObjectContent, sourceEtag: string): ObjectProperties {
  const mtime =
    content.lastModified === undefined
      ? {}
      : { [MTIME_METADATA]: String(Math.floor(content.lastModified.getTime() / 1000)) };
  return {
    ...content.properties,
    metadata: { ...mtime, ...content.properties.metadata, [SOURCE_ETAG_METADATA]: sourceEtag },
  };
}

/** The MD5 of the object, where its ETag is one. */
export function md5Of({ etagMayBeMd5 }: ObjectContent, { etag }: ExpectedObject): string | undefined {
  return etagMayBeMd5 && hasMd5EtagForm(etag) ? etag : undefined;
}
