import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import {
  type CloudFrontServerOptions,
  startCloudFrontServer,
} from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { type S3Server, startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { Pool } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostileKeys } from './hostile-keys.ts';

const credentials = { accessKeyId: 'AKIDLOCAL', secretAccessKey: 'local/secret' };
const S3_HOST = 'photos.s3.us-east-1.amazonaws.com';
const ODD_KEY = 'a/ü +';
const ODD_PATH = '/a/%C3%BC%20%2B';

class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = ArrayBuffer.isView(secret)
      ? new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
      : secret;
    this.#hash =
      key === undefined
        ? createHash('sha256')
        : createHmac('sha256', typeof key === 'string' ? key : Buffer.from(key as Uint8Array));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    throw new Error('the signer resets nothing');
  }
}

const signer = new SignatureV4({
  service: 's3',
  region: 'us-east-1',
  credentials,
  sha256: Sha256,
  uriEscapePath: false,
});

describe('a private bucket behind the CloudFront server', () => {
  let s3: S3Server;
  const running: { close: () => Promise<void> }[] = [];

  beforeEach(async () => {
    s3 = await startS3Server({ buckets: { photos: {} }, credentials });
    s3.bucket('photos').put(ODD_KEY, 'x');
    running.push(s3);
  });

  afterEach(async () => {
    for (const one of running.splice(0).toReversed()) await one.close();
  });

  const start = async (options: Partial<CloudFrontServerOptions>) => {
    const server = await startCloudFrontServer({ origin: { url: s3.url, bucket: 'photos' }, ...options });
    const pool = new Pool(server.url);
    running.push(server, { close: () => pool.destroy() });
    return async (path: string, headers: Record<string, string> = {}) => {
      const answer = await pool.request({ path, method: 'GET', headers });
      return { status: answer.statusCode, text: await answer.body.text(), cache: answer.headers['x-cache'] };
    };
  };

  it('opens to a distribution with an origin access control, whatever the key', async () => {
    const get = await start({ origin: { url: s3.url, bucket: 'photos', credentials } });
    for (const key of hostileKeys) {
      s3.bucket('photos').put(key, key);
      const path = `/${key.split('/').map(encodeURIComponent).join('/')}`;
      expect(await get(path)).toMatchObject({ status: 200, text: key });
    }
  });

  it('stays closed to one without', async () => {
    const get = await start({});
    expect(await get(ODD_PATH)).toMatchObject({ status: 403 });
  });

  it('opens to viewers that sign for S3 where their signature is forwarded, and leaves no copy', async () => {
    const get = await start({ forwardsAuthorization: true });
    const { headers } = await signer.sign(outgoing());
    const { host: _, ...sent } = headers;
    expect(await get(ODD_PATH, sent)).toEqual({ status: 200, text: 'x', cache: 'Miss from cloudfront' });
    expect(await get(ODD_PATH, sent)).toMatchObject({ cache: 'Miss from cloudfront' });
    expect(await get(ODD_PATH, { ...sent, 'x-amz-date': '20200101T000000Z' })).toMatchObject({ status: 400 });
  });

  it('opens to presigned URLs where the query is forwarded', async () => {
    const get = await start({ includesQueryString: true });
    const { query = {} } = await signer.presign(outgoing(), { expiresIn: 60 });
    const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    expect(await get(`${ODD_PATH}?${text.join('&')}`)).toMatchObject({ status: 200, text: 'x' });
    expect(await get(`${ODD_PATH}?${text.join('&')}0`)).toMatchObject({ status: 403 });
  });

  it('opens to signatures for another host when that host is listed', async () => {
    const other = await startS3Server({ buckets: { photos: {} }, credentials, signedHosts: ['cdn.example.com'] });
    running.push(other);
    other.bucket('photos').put(ODD_KEY, 'x');
    const { headers } = await signer.sign(outgoing('cdn.example.com'));
    const pool = new Pool(other.url);
    running.push({ close: () => pool.destroy() });
    const status = async (signed: Record<string, string>) => {
      const answer = await pool.request({ path: ODD_PATH, method: 'GET', headers: { ...signed, host: S3_HOST } });
      await answer.body.dump();
      return answer.statusCode;
    };
    expect(await status(headers)).toBe(200);
    expect(await status((await signer.sign(outgoing('other.example.com'))).headers)).toBe(403);
  });
});

function outgoing(host = S3_HOST) {
  const headers = { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
  return { method: 'GET', protocol: 'https:', hostname: host, path: ODD_PATH, query: {}, headers };
}
