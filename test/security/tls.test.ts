import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSelfSignedCertificate } from '../fixtures/self-signed-certificate.ts';
import { head, startRawServer, type RawServer } from '../integration/storage/raw-server.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const signal = new AbortController().signal;
const SELF_SIGNED = /self-signed certificate|DEPTH_ZERO_SELF_SIGNED_CERT/;

let server: RawServer;
let requests = 0;
beforeAll(async () => {
  server = await startRawServer(async (peer) => {
    await peer.request();
    requests++;
    await peer.write(head('HTTP/1.1 200 OK', 'Content-Length: 0', 'ETag: "e"'));
  }, createSelfSignedCertificate());
});
afterAll(() => server.close());

const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 'b' });

describe('a server whose certificate nobody vouches for', () => {
  it.each<[string, () => Promise<unknown>]>([
    [
      'S3',
      async () => {
        const connection = createS3Connection({
          bucket: 'b',
          region: 'us-east-1',
          endpointUrl: server.url,
          credentials,
        });
        try {
          return await createS3ObjectStater(connection).stat('key', signal);
        } finally {
          await connection.close();
        }
      },
    ],
    ['the CDN, for a small object', () => readThroughCdn(false)],
    ['the CDN, for a large object', () => readThroughCdn(true)],
    [
      'GCS',
      async () => {
        const destination = createGcsObjectDestination({
          bucket: 'b',
          emulatorHost: server.url,
          tokens: { token: async () => 'the-token', discard: () => undefined },
        });
        try {
          return await destination.stat('name', signal);
        } finally {
          await destination.close();
        }
      },
    ],
  ])('is not asked anything where it stands for %s', async (_, ask) => {
    await expect(ask()).rejects.toMatchObject({ message: expect.stringMatching(SELF_SIGNED) as string });
    expect(requests).toBe(0);
  });
});

async function readThroughCdn(streamed: boolean): Promise<unknown> {
  const reader = createCdnObjectReader({ urlHostPre: `${server.url}/`, signing: { kind: 'none' } });
  try {
    return await reader.read({ key: 'key', streamed, signal });
  } finally {
    await reader.close();
  }
}

it('no source file turns verification off, or lets the environment do so', async () => {
  const findings: string[] = [];
  for (const folder of await readdir(join(REPOSITORY, 'packages'))) {
    const root = join(REPOSITORY, 'packages', folder);
    for (const name of await readdir(root, { recursive: true })) {
      if (name.startsWith('node_modules') || !/\.[jt]s$/.test(name) || name.endsWith('.test.ts')) continue;
      const text = await readFile(join(root, name), 'utf8');
      for (const [found] of text.matchAll(VERIFICATION)) {
        if (!ALLOWED.has(found.replaceAll(/\s+/g, ' '))) findings.push(`${folder}/${name}: ${found}`);
      }
    }
  }
  expect(findings).toEqual([]);
});

/** Whatever has to do with whether a certificate is looked at. */
const VERIFICATION =
  /rejectUnauthorized[^,\n]*|NODE_TLS_REJECT_UNAUTHORIZED|checkServerIdentity|strictSSL|insecureHTTPParser|--insecure|--no-check-certificate/g;
const ALLOWED: ReadonlySet<string> = new Set(['rejectUnauthorized: true']);

it('the scan finds what it looks for', () => {
  expect('ssl: { rejectUnauthorized: false }'.match(VERIFICATION)).toHaveLength(1);
  expect("process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'".match(VERIFICATION)).toHaveLength(1);
});
