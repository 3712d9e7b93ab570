import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { ObjectLister, ObjectReader, ObjectStater } from '@object-transfer/core/ports/object-source';
import { createS3Connection, type S3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import type { Environment } from './environment.ts';

/** The region that S3 itself assumes. */
const DEFAULT_REGION = 'us-east-1';

export interface SourceSettings {
  readonly s3Bucket: string;
  readonly awsRegion: string | undefined;
  /** Left out by commands that list nothing large. */
  readonly listStreams?: number | undefined;
}

/** The S3 bucket, as lister, reader and stater over the same connections. */
export interface SourceBucket {
  readonly connection: S3Connection;
  readonly lister: ObjectLister;
  readonly reader: ObjectReader;
  readonly stater: ObjectStater;
  /**
   * Asks whether there is anything below a prefix; an empty bucket is as good as a full one.
   * @throws ConfigurationError `CONFIG_BUCKET_MISSING`, `CONFIG_INVALID` where nothing lies there, or SourceError where the bucket cannot be listed
   */
  check(prefix: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function openSourceBucket(settings: SourceSettings, environment: Environment): SourceBucket {
  const connection = createS3Connection({
    bucket: settings.s3Bucket,
    region: settings.awsRegion ?? environment.awsRegion ?? DEFAULT_REGION,
    endpointUrl: environment.s3EndpointUrl,
    credentials: environment.awsCredentials,
  });
  const lister = createS3ObjectLister(connection, { streams: settings.listStreams });
  return {
    connection,
    lister,
    reader: createS3ObjectReader(connection),
    stater: createS3ObjectStater(connection),
    check: async (prefix, signal) => {
      for await (const page of lister.listObjects({ prefix, delimiter: '/', signal })) {
        if (prefix === '' || page.objects.length + page.commonPrefixes.length > 0) return;
      }
      if (prefix === '') return;
      throw new ConfigurationError('CONFIG_INVALID', `nothing lies under s3://${settings.s3Bucket}/${prefix}`);
    },
    close: () => connection.close(),
  };
}
