import { getEventListeners } from 'node:events';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createS3Connection, type S3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import type { AwsCredentials } from '@object-transfer/core/storage/sigv4-signer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { answer, startScriptedServer } from './scripted-server.ts';

/** Credentials that are asked for and never come, as of a metadata server that does not answer. */
let server: Awaited<ReturnType<typeof startScriptedServer>>;
let connection: S3Connection;
let asked = Promise.withResolvers<void>();
const credentials = (): Promise<AwsCredentials> => {
  asked.resolve();
  return Promise.withResolvers<AwsCredentials>().promise;
};

beforeAll(async () => {
  server = await startScriptedServer();
  server.script(answer(200));
  connection = createS3Connection({ bucket: 'b', region: 'us-east-1', endpointUrl: server.url, credentials });
});
beforeEach(() => {
  asked = Promise.withResolvers<void>();
});
afterAll(async () => {
  await connection.close();
  await server.close();
});

const REQUESTS: readonly (readonly [string, (signal: AbortSignal) => Promise<unknown>])[] = [
  ['a GET', (signal) => createS3ObjectReader(connection).read({ key: 'k', signal })],
  ['a HEAD', (signal) => createS3ObjectStater(connection).stat('k', signal)],
  [
    'a listing',
    (signal) => createS3ObjectLister(connection).listObjects({ prefix: '', signal })[Symbol.asyncIterator]().next(),
  ],
  [
    'a GET through a CDN',
    async (signal) => {
      const signing = { kind: 'sigv4', endpoint: connection.endpoint, credentials } as const;
      const reader = createCdnObjectReader({ urlHostPre: `${server.url}/`, signing });
      try {
        return await reader.read({ key: 'k', signal });
      } finally {
        await reader.close();
      }
    },
  ],
];

test.each(REQUESTS)('an abort ends %s that waits for credentials', async (_, send) => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const sending = send(stop.signal);
  await asked.promise;
  stop.abort(reason);
  await expect(sending).rejects.toBe(reason);
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  expect(server.requests).toEqual([]);
});
