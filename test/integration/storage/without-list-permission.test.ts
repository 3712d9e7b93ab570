import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import { startCloudFrontServer } from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** A bucket whose reader may get objects, and not list them. */
const never = new AbortController().signal;

async function open() {
  const s3 = await startS3Server({ buckets: { b: { listBucketAllowed: false } } });
  const cdn = await startCloudFrontServer({ origin: { url: s3.url, bucket: 'b' } });
  const connection = createS3Connection({
    bucket: 'b',
    region: 'us-east-1',
    endpointUrl: s3.url,
    credentials: 'anonymous',
  });
  const reader = createCdnObjectReader({ urlHostPre: `${cdn.url}/`, signing: { kind: 'none' } });
  return { s3, cdn, connection, reader };
}

let fixture: Awaited<ReturnType<typeof open>>;
beforeAll(async () => {
  fixture = await open();
});
afterAll(async () => {
  await fixture.reader.close();
  await fixture.connection.close();
  await fixture.cdn.close();
  await fixture.s3.close();
});

const denied = {
  code: 'SOURCE_FORBIDDEN',
  httpStatus: 403,
  message: expect.stringContaining('s3:ListBucket') as string,
};

test('a missing object is a refusal that says what it may mean, through the CDN too', async () => {
  const direct = createS3ObjectReader(fixture.connection);
  await expect(direct.read({ key: 'missing', signal: never })).rejects.toMatchObject(denied);
  await expect(fixture.reader.read({ key: 'missing', signal: never })).rejects.toMatchObject(denied);
  await expect(createS3ObjectStater(fixture.connection).stat('missing', never)).rejects.toMatchObject(denied);
});

test('a listing is refused, and is not an empty listing', async () => {
  const pages = createS3ObjectLister(fixture.connection).listObjects({ prefix: '', signal: never });
  await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject(denied);
});
