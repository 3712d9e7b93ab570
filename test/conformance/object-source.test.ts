import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { createCdnObjectReader, type CdnSigning } from '@object-transfer/core/storage/cdn-object-reader';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister, type S3ListingOptions } from '@object-transfer/core/storage/s3-object-lister';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import { staticAwsCredentials } from '@object-transfer/core/storage/aws-credentials';
import {
  startCloudFrontServer,
  type CloudFrontServerOptions,
} from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { describe } from 'vitest';
import { objectListingSuite, objectReaderSuite, type PutAttributes } from './object-source-suite.ts';

const BUCKET = 'source-bucket';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const VIRTUAL_HOST = `${BUCKET}.s3.us-east-1.amazonaws.com`;

/** A bucket that answers nobody but who holds {@link CREDENTIALS}. */
async function startBucket() {
  const server = await startS3Server({
    buckets: { [BUCKET]: {} },
    credentials: CREDENTIALS,
    signedHosts: [VIRTUAL_HOST],
  });
  return {
    server,
    put: (key: string, content: Uint8Array, attributes?: PutAttributes) =>
      server.bucket(BUCKET).put(key, content, { attributes }).etag,
  };
}

/** @param listing of several streams, in pages so small that the suite's listings are large */
async function openDirect(listing: S3ListingOptions = {}) {
  const { server, put } = await startBucket();
  const credentials = staticAwsCredentials(CREDENTIALS);
  const connection = createS3Connection({ bucket: BUCKET, region: 'us-east-1', endpointUrl: server.url, credentials });
  return {
    put,
    reader: createS3ObjectReader(connection),
    lister: createS3ObjectLister(connection, listing),
    stater: createS3ObjectStater(connection),
    async close() {
      await connection.close();
      await server.close();
    },
  };
}

async function openCdn(signing: CdnSigning, options: Partial<CloudFrontServerOptions>, urlPath = '/') {
  const { server, put } = await startBucket();
  const cdn = await startCloudFrontServer({
    origin: { url: server.url, bucket: BUCKET, credentials: CREDENTIALS },
    includesQueryString: true,
    ...options,
  });
  const reader = createCdnObjectReader({ urlHostPre: cdn.url + urlPath, signing });
  return {
    // A copy of what the key held before would be served otherwise.
    put(key: string, content: Uint8Array, attributes?: PutAttributes) {
      cdn.invalidate();
      return put(key, content, attributes);
    },
    reader,
    async close() {
      await reader.close();
      await cdn.close();
      await server.close();
    },
  };
}

function signedBy(pair: { readonly publicKey: string; readonly privateKey: string }, hashAlgorithm: 'sha1' | 'sha256') {
  const signing: CdnSigning = {
    kind: 'signed',
    keyPairId: 'K2JCJMDEHXQW5F',
    privateKey: pair.privateKey,
    privateKeyOrigin: 'the test',
    hashAlgorithm,
    lifetimeMs: 3_600_000,
  };
  return () => openCdn(signing, { publicKeys: { K2JCJMDEHXQW5F: pair.publicKey } });
}

function pem(pair: KeyPairKeyObjectResult) {
  return {
    publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const rsaKeys = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const ecKeys = pem(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }));

describe('S3 itself', () => {
  objectReaderSuite(() => openDirect());
  objectListingSuite(() => openDirect());
});

describe.each([1, 2, 5])('S3 itself, listed by several streams in pages of %d', (pageSize) => {
  objectListingSuite(() => openDirect({ streams: 6, pageSize }));
});

describe('CDN without signatures', () => {
  objectReaderSuite(() => openCdn({ kind: 'none' }, {}));
});

describe('CDN with URLs signed by an RSA key', () => {
  objectReaderSuite(signedBy(rsaKeys, 'sha1'));
});

describe('CDN with URLs signed by an elliptic-curve key', () => {
  objectReaderSuite(signedBy(ecKeys, 'sha1'));
});

describe('CDN with URLs signed over SHA-256', () => {
  objectReaderSuite(signedBy(ecKeys, 'sha256'));
});

describe('CDN that passes on requests signed for S3', () => {
  const endpoint = {
    bucket: BUCKET,
    region: 'us-east-1',
    origin: `https://${VIRTUAL_HOST}`,
    host: VIRTUAL_HOST,
    basePath: '',
  };
  const signing: CdnSigning = { kind: 'sigv4', endpoint, credentials: staticAwsCredentials(CREDENTIALS) };
  objectReaderSuite(() => openCdn(signing, { forwardsAuthorization: true, includesQueryString: false, ttlMs: 0 }));
});
