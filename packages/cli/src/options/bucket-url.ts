import { ConfigurationError } from '@object-transfer/core/domain/errors';

export interface BucketUrl {
  readonly bucket: string;
  readonly prefix: string;
}

/**
 * Reads `s3://bucket/prefix/` or `gs://bucket/prefix/`. The prefix is taken as it is written: keys are not URLs, so
 * nothing in it is decoded.
 * @throws ConfigurationError `CONFIG_INVALID` naming the flag
 */
export function parseBucketUrl(flag: string, scheme: 's3' | 'gs', url: string): BucketUrl {
  const start = `${scheme}://`;
  const [bucket = '', ...rest] = url.slice(start.length).split('/');
  if (!url.startsWith(start) || bucket === '') {
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `${flag} must look like ${start}bucket/prefix/, not ${JSON.stringify(url)}`,
    );
  }
  return { bucket, prefix: rest.join('/') };
}
