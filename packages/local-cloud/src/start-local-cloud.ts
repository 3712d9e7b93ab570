import { generateKeyPairSync } from 'node:crypto';
import { startCloudFrontServer, type CloudFrontServer } from './cloudfront/cloudfront-server.ts';
import { startGcsServer, type GcsServer } from './gcs/gcs-server.ts';
import type { BucketOptions } from './s3/bucket.ts';
import { startS3Server, type S3Server } from './s3/s3-server.ts';

export interface LocalCloudOptions {
  /** Where the source bucket's objects come from. */
  readonly source: BucketOptions;
  /** Default `source`. */
  readonly sourceBucket?: string | undefined;
  /** Default `destination`. */
  readonly destinationBucket?: string | undefined;
  /** Keeps the destination in this directory; default in memory. */
  readonly destinationDirectory?: string | undefined;
  /** The distribution answers only signed URLs, for a key pair made here. */
  readonly signedUrls?: boolean | undefined;
  /** Ports; default free ones. */
  readonly s3Port?: number | undefined;
  readonly cloudFrontPort?: number | undefined;
  readonly gcsPort?: number | undefined;
}

/** What signs URLs for the distribution. */
interface LocalUrlSigner {
  readonly keyPairId: string;
  /** PEM. It opens nothing but this rehearsal. */
  readonly privateKey: string;
}

export interface LocalCloud {
  readonly s3: S3Server;
  readonly cloudFront: CloudFrontServer;
  readonly gcs: GcsServer;
  readonly sourceBucket: string;
  readonly destinationBucket: string;
  readonly signer: LocalUrlSigner | undefined;
  /** Points the AWS and Google tools, and this one, at these servers. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const KEY_PAIR_ID = 'KLOCALREHEARSAL';
/** Any credentials do: the S3 of a rehearsal looks at no signature. */
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

/**
 * Starts S3, CloudFront in front of it, and GCS, on loopback.
 * @throws the listen error, or the file system's error where a directory cannot be read
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const { sourceBucket = 'source', destinationBucket = 'destination' } = options;
  const keys = options.signedUrls === true ? makeKeyPair() : undefined;
  await using starting = new AsyncDisposableStack();
  const started = <T extends { close(): Promise<void> }>(server: T): T =>
    starting.adopt(server, (running) => running.close());

  const s3 = started(await startS3Server({ buckets: { [sourceBucket]: options.source }, port: options.s3Port ?? 0 }));
  const cloudFront = started(
    await startCloudFrontServer({
      origin: { url: s3.url, bucket: sourceBucket },
      publicKeys: keys === undefined ? undefined : { [KEY_PAIR_ID]: keys.publicKey },
      port: options.cloudFrontPort ?? 0,
    }),
  );
  const gcs = started(
    await startGcsServer({
      buckets: [destinationBucket],
      directory: options.destinationDirectory,
      port: options.gcsPort ?? 0,
    }),
  );
  const running = starting.move();
  return {
    s3,
    cloudFront,
    gcs,
    sourceBucket,
    destinationBucket,
    signer: keys === undefined ? undefined : { keyPairId: KEY_PAIR_ID, privateKey: keys.privateKey },
    environment: {
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_REGION: 'us-east-1',
      ...CREDENTIALS,
      STORAGE_EMULATOR_HOST: gcs.url,
    },
    close: () => running.disposeAsync(),
  };
}

function makeKeyPair(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
