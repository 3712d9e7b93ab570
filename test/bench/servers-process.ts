import { startGcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import type { BucketOptions } from '@object-transfer/local-cloud/s3/bucket';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';

/**
 * Both clouds in a process of their own: S3, and a GCS that takes everything and keeps checksums and metadata only.
 * Started with a {@link ServerRequest} as JSON, it sends a {@link RunningServers}.
 */
export interface ServerRequest {
  readonly source: BucketOptions;
  /** GCS buckets, one for each client and round that is to find it empty. */
  readonly destinations: readonly string[];
}

export interface RunningServers {
  readonly s3Url: string;
  readonly gcsUrl: string;
}

/** Asks how many objects a bucket holds by now. */
export interface CountRequest {
  readonly countBucket: string;
}

export interface CountAnswer {
  readonly objects: number;
}

const [, , requestText = ''] = process.argv;
const request = JSON.parse(requestText) as ServerRequest;
const s3 = await startS3Server({ buckets: { source: request.source } });
const gcs = await startGcsServer({ buckets: request.destinations, discardContent: true });
process.on('message', ({ countBucket }: CountRequest) => {
  process.send?.({ objects: gcs.objects.names(countBucket).length } satisfies CountAnswer);
});
process.on('disconnect', () => process.exit());
process.send?.({ s3Url: s3.url, gcsUrl: gcs.url } satisfies RunningServers);
