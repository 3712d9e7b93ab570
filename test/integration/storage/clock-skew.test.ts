import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { staticAwsCredentials } from '@object-transfer/core/storage/aws-credentials';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { expect, it } from 'vitest';

const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

it('a clock that S3 does not accept is a matter of configuration, and both clocks are named', async () => {
  const server = await startS3Server({
    buckets: { source: {} },
    credentials: CREDENTIALS,
    now: () => Date.now() + 20 * 60_000,
  });
  const connection = createS3Connection({
    bucket: 'source',
    region: 'us-east-1',
    endpointUrl: server.url,
    credentials: staticAwsCredentials(CREDENTIALS),
  });
  try {
    const pages = createS3ObjectLister(connection).listObjects({ prefix: '', signal: new AbortController().signal });
    await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'CONFIG_CLOCK_SKEW',
      message: expect.stringMatching(/this machine has .* GMT, S3 .* GMT$/) as string,
    });
  } finally {
    await connection.close();
    await server.close();
  }
});
