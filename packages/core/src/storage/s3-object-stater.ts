import { SourceError } from '../domain/errors.ts';
import type { ObjectStater } from '../ports/object-source.ts';
import { headerInteger } from './header-values.ts';
import { sendRequest } from './http-exchange.ts';
import { parseObjectHeaders } from './object-headers.ts';
import type { S3Connection } from './s3-connection.ts';
import { s3KeyPath, s3Uri } from './s3-endpoint.ts';
import { LIST_BUCKET_HINT } from './s3-object-reader.ts';
import { sourceConnectionError, sourceStatusError, type SourceRequest } from './source-failure.ts';

/**
 * Asks S3 itself by HEAD, past every cache.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
 */
export function createS3ObjectStater(connection: S3Connection): ObjectStater {
  return {
    async stat(key, signal) {
      const request: SourceRequest = {
        op: 'HeadObject',
        source: s3Uri(connection.endpoint, key),
        throughCdn: false,
        forbiddenHint: LIST_BUCKET_HINT,
      };
      const { status, headers } = await sendHead(connection, s3KeyPath(connection.endpoint, key), request, signal);
      if (status === 404) return undefined;
      if (status !== 200) throw sourceStatusError(request, status, headers, '');
      const { etag, properties, storageClass, lastModified, etagMayBeMd5 } = parseObjectHeaders(headers);
      const sizeBytes = headerInteger(headers, 'content-length');
      if (sizeBytes === undefined || etag === undefined) {
        throw new SourceError('SOURCE_UNAVAILABLE', `HeadObject ${request.source}: answered without size or ETag`, {
          op: request.op,
          source: request.source,
          httpStatus: status,
        });
      }
      return { key, sizeBytes, etag, properties, storageClass, lastModified, etagMayBeMd5 };
    },
  };
}

async function sendHead(connection: S3Connection, path: string, request: SourceRequest, signal: AbortSignal) {
  const headers = await connection.authorize('HEAD', path, signal);
  try {
    const answer = await sendRequest(connection.pool, {
      method: 'HEAD',
      path,
      headers: { ...headers, 'accept-encoding': 'identity' },
      signal,
    });
    await answer.take(0);
    return { status: answer.status, headers: answer.headers };
  } catch (error) {
    throw sourceConnectionError(request, error, signal);
  }
}
