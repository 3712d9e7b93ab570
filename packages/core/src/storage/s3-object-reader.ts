import type { ObjectReader } from '../ports/object-source.ts';
import { getObject } from './http-object-reader.ts';
import type { S3Connection } from './s3-connection.ts';
import { s3KeyPath, s3Uri } from './s3-endpoint.ts';

/** S3 hides a missing key behind 403 from those who may not list. */
export const LIST_BUCKET_HINT = 'without s3:ListBucket, S3 answers so for a missing key too';

/**
 * Reads from S3 itself, past every cache. Closing the reader closes the connection that it was given.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function createS3ObjectReader(connection: S3Connection): ObjectReader {
  return {
    async read(request) {
      const rawPath = s3KeyPath(connection.endpoint, request.key);
      return getObject({
        connections: connection,
        rawPath,
        headers: await connection.authorize('GET', rawPath, request.signal),
        read: request,
        request: {
          op: 'GetObject',
          source: s3Uri(connection.endpoint, request.key),
          throughCdn: false,
          forbiddenHint: LIST_BUCKET_HINT,
        },
      });
    },
    close: () => connection.close(),
  };
}
