import { encodeKeyPath } from '../domain/key-mapping.ts';
import { splitUrl } from './http-pool.ts';

export interface S3EndpointSettings {
  readonly bucket: string;
  readonly region: string;
  /** `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`: another server that speaks S3. */
  readonly endpointUrl?: string | undefined;
}

/** Where a bucket is to be asked. */
export interface S3Endpoint {
  readonly bucket: string;
  readonly region: string;
  readonly origin: string;
  /** Value of the `Host` header, which is signed. */
  readonly host: string;
  /** What precedes the slash of the key: empty, or `/bucket` (path style). */
  readonly basePath: string;
}

/**
 * Bucket name in the host name, or in the path (path style) where an endpoint is given, or where the bucket's name has
 * dots, which no wildcard certificate covers.
 * @throws ConfigurationError `CONFIG_INVALID` for an endpoint that is no URL
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 */
export function resolveS3Endpoint(settings: S3EndpointSettings): S3Endpoint {
  const { bucket, region, endpointUrl } = settings;
  if (endpointUrl !== undefined) {
    const { origin, host, path } = splitUrl(endpointUrl, 'the S3 endpoint');
    return { bucket, region, origin, host, basePath: `${path.replace(/\/+$/, '')}/${encodeKeyPath(bucket)}` };
  }
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const service = `s3.${region}.${domain}`;
  const pathStyle = bucket.includes('.');
  const host = pathStyle ? service : `${bucket}.${service}`;
  return { bucket, region, origin: `https://${host}`, host, basePath: pathStyle ? `/${bucket}` : '' };
}

/** The raw path of a key: percent-encoded, and not normalized. */
export function s3KeyPath(endpoint: S3Endpoint, key: string): string {
  return `${endpoint.basePath}/${encodeKeyPath(key)}`;
}

/** How errors name an object, or with an empty key the bucket. */
export function s3Uri(endpoint: S3Endpoint, key: string): string {
  return `s3://${endpoint.bucket}/${key}`;
}
