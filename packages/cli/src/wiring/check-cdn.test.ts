import { generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { createCdnObjectReader, type CdnReaderSettings } from '@object-transfer/core/storage/cdn-object-reader';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import {
  startCloudFrontServer,
  type CloudFrontServer,
  type CloudFrontServerOptions,
} from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { checkCdn, type CdnCheck } from './check-cdn.ts';

const never = new AbortController().signal;
const retryPolicy = { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 2 };
const KEY_PAIR_ID = 'K2JCJMDEHXQW5F';

let cleanup = new AsyncDisposableStack();
afterEach(async () => {
  await cleanup.disposeAsync();
  cleanup = new AsyncDisposableStack();
});

function adopt<T extends { close(): Promise<void> }>(opened: T): T {
  return cleanup.adopt(opened, (one) => one.close());
}

interface Rehearsal {
  readonly source: Bucket;
  readonly cdn: CloudFrontServer;
  readonly log: Record<string, unknown>[];
  readonly check: (overrides?: Partial<CdnCheck>) => Promise<void>;
}

/** A bucket, a distribution before it, and a check that talks to both. */
async function rehearse(
  distribution: Partial<CloudFrontServerOptions> = {},
  reader: Partial<CdnReaderSettings> = {},
): Promise<Rehearsal> {
  const s3 = adopt(await startS3Server({ buckets: { source: {} } }));
  const origin = { url: s3.url, bucket: 'source' };
  const cdn = adopt(await startCloudFrontServer({ origin, recordsPaths: true, ...distribution }));
  const connection = adopt(
    createS3Connection({ bucket: 'source', region: 'us-east-1', endpointUrl: s3.url, credentials: 'anonymous' }),
  );
  const log: Record<string, unknown>[] = [];
  const check: CdnCheck = {
    cdn: adopt(createCdnObjectReader({ urlHostPre: `${cdn.url}/`, signing: { kind: 'none' }, ...reader })),
    lister: createS3ObjectLister(connection),
    s3RootPrefix: '',
    filter: createObjectFilter({ storageClasses: [], include: [], exclude: ['**/*.tmp'] }, ''),
    logger: pino({}, { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) }),
    retryPolicy,
  };
  return {
    source: s3.bucket('source'),
    cdn,
    log,
    check: (overrides) => checkCdn({ ...check, ...overrides }, never),
  };
}

function makeKeys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

function signedWith(privateKey: string): Partial<CdnReaderSettings> {
  return {
    signing: {
      kind: 'signed',
      keyPairId: KEY_PAIR_ID,
      privateKey,
      privateKeyOrigin: 'the test',
      lifetimeMs: 3_600_000,
    },
  };
}

describe('a CDN that wants signed URLs', () => {
  test('passes where it accepts the signature', async () => {
    const { publicKey, privateKey } = makeKeys();
    const { source, check, log, cdn } = await rehearse(
      { publicKeys: { [KEY_PAIR_ID]: publicKey } },
      signedWith(privateKey),
    );
    source.put('folder/object', 'content');
    await check();
    expect(cdn.stats.getsByPath).toEqual(new Map([['/folder/object', 1]]));
    expect(log).toEqual([]);
  });

  test.each(['another key', 'no key'])('is a configuration error where the URLs are signed with %s', async (key) => {
    const { source, check } = await rehearse(
      { publicKeys: { [KEY_PAIR_ID]: makeKeys().publicKey } },
      key === 'no key' ? {} : signedWith(makeKeys().privateKey),
    );
    source.put('folder/object', 'content');
    await expect(check()).rejects.toMatchObject({
      name: 'ConfigurationError',
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('url_signer_key_pair_id') as string,
    });
  });
});

test('a CDN that cannot be reached is an error', async () => {
  const { source, check } = await rehearse({}, { urlHostPre: 'http://127.0.0.1:1/' });
  source.put('folder/object', 'content');
  await expect(check()).rejects.toMatchObject({ name: 'SourceError', code: 'SOURCE_CONNECTION' });
});

test('a CDN that has nothing where S3 lists an object is a wrong setting', async () => {
  const { source, check } = await rehearse({
    intercept: (_request, response) => {
      response.writeHead(404).end();
      return true;
    },
  });
  source.put('folder/object', 'content');
  await expect(check()).rejects.toMatchObject({
    name: 'ConfigurationError',
    message: expect.stringContaining('cloudfront_url_host_pre') as string,
  });
});

test.each([
  [403, '<Error><Code>AccessDenied</Code></Error>'],
  [404, '<Error><Code>NoSuchKey</Code></Error>'],
])('a CDN that answers %d twice, and then the object, is no wrong setting', async (status, body) => {
  let requests = 0;
  const { source, check, log } = await rehearse({
    intercept: (_request, response) => {
      if (++requests > 2) return false;
      response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
      return true;
    },
  });
  source.put('folder/object', 'content');
  await check();
  expect([requests, log]).toEqual([3, []]);
});

test.each<[string, string, (response: ServerResponse) => void]>([
  ['SOURCE_UNAVAILABLE', 'fails', (response) => response.writeHead(500).end()],
])('warns of %s, and no more, where the CDN %s', async (code, _what, refuse) => {
  const { source, check, log } = await rehearse({
    intercept: (_request, response) => {
      refuse(response);
      return true;
    },
  });
  source.put('folder/object', 'content');
  await check();
  expect(log).toMatchObject([{ level: 40, key: 'folder/object', code }]);
});

test('a failure that passes is no failure', async () => {
  let requests = 0;
  const { source, check, log } = await rehearse({
    intercept: (_request, response) => {
      if (++requests === retryPolicy.maxAttempts) return false;
      response.writeHead(503).end();
      return true;
    },
  });
  source.put('folder/object', 'content');
  await check();
  expect(log).toEqual([]);
});

describe('which object it asks for', () => {
  test('none where there is none', async () => {
    const { check, cdn } = await rehearse();
    await check();
    expect(cdn.stats.requests).toBe(0);
  });

  test('none that is archived, empty, or left out by the filter', async () => {
    const { source, check, cdn } = await rehearse();
    source.put('a-archived', 'content', { attributes: { storageClass: 'GLACIER' } });
    source.put('b-archived', 'content', { attributes: { storageClass: 'DEEP_ARCHIVE' } });
    source.put('c-empty', '');
    source.put('d-filtered.tmp', 'content');
    await check();
    expect(cdn.stats.requests).toBe(0);
    source.put('e-readable', 'content');
    source.put('f-readable', 'content');
    await check();
    expect([...cdn.stats.getsByPath.keys()]).toEqual(['/e-readable']);
  });

  test('one below the root', async () => {
    const { source, check, cdn } = await rehearse();
    source.put('another/object', 'content');
    source.put('root/object', 'content');
    await check({ s3RootPrefix: 'root/' });
    expect([...cdn.stats.getsByPath.keys()]).toEqual(['/root/object']);
  });
});
