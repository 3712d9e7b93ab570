import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { getSignedUrl } from '@aws-sdk/cloudfront-signer';
import {
  type CloudFrontServer,
  startCloudFrontServer,
} from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { type S3Server, startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostileKeys } from './hostile-keys.ts';

const keys = {
  RSA: inPem(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  EC: inPem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  OTHER: inPem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
};
const nowMs = Date.UTC(2026, 0, 1);
const nowSeconds = nowMs / 1000;

describe('the CloudFront server, given URLs signed by the AWS signer', () => {
  let s3: S3Server;
  let server: CloudFrontServer;
  let pool: Pool;

  beforeAll(async () => {
    s3 = await startS3Server({ buckets: { photos: {} } });
    s3.bucket('photos').put('photos/a b', 'x');
    const publicKeys = { KRSA: keys.RSA.publicKey, KEC: keys.EC.publicKey };
    server = await startCloudFrontServer({ origin: { url: s3.url, bucket: 'photos' }, publicKeys, now: () => nowMs });
    pool = new Pool(server.url);
  });

  afterAll(async () => {
    await pool.destroy();
    await server.close();
    await s3.close();
  });

  const get = async (path: string) => {
    const answer = await pool.request({ path, method: 'GET' });
    return { status: answer.statusCode, text: await answer.body.text() };
  };
  const signed = (document: string, kind: keyof typeof keys = 'RSA', keyPairId = `K${kind}`): string =>
    queryOf(getSignedUrl({ url: `${server.url}/`, keyPairId, privateKey: keys[kind].privateKey, policy: document }));

  const statusUnder = async (condition: object): Promise<number> =>
    (await get(`/photos/a%20b${signed(policy('*', condition))}`)).status;

  it.each(['RSA', 'EC'] as const)('lets one custom policy with a wildcard open every key (%s)', async (kind) => {
    const query = signed(policy(`${server.url}/*`), kind);
    for (const key of hostileKeys) {
      s3.bucket('photos').put(key, key);
      const path = `/${key.split('/').map(encodeURIComponent).join('/')}`;
      expect(await get(path + query)).toEqual({ status: 200, text: key });
    }
  });

  it.each(['RSA', 'EC'] as const)('takes canned policies and SHA-256 (%s)', async (kind) => {
    const common = { keyPairId: `K${kind}`, privateKey: keys[kind].privateKey };
    const url = `${server.url}/photos/a%20b?v=1`;
    const dateLessThan = new Date(nowMs + 60_000).toISOString();
    for (const algorithm of ['SHA1', 'SHA256'] as const) {
      const canned = getSignedUrl({ ...common, url, dateLessThan, algorithm });
      expect(await get(canned.slice(server.url.length))).toEqual({ status: 200, text: 'x' });
      expect(await get(`/photos/other${queryOf(canned)}`)).toMatchObject({ status: 403 });
      const late = getSignedUrl({ ...common, url, dateLessThan: new Date(nowMs).toISOString(), algorithm });
      expect(await get(late.slice(server.url.length))).toMatchObject({ status: 403 });
    }
  });

  it('matches schemes, hosts and single characters by wildcard', async () => {
    expect(await get(`/photos/a%20b${signed(policy('http*://*/photos/?%20b'))}`)).toMatchObject({ status: 200 });
    expect(await get(`/photos/a%20b${signed(policy('https://*/photos/*'))}`)).toMatchObject({ status: 403 });
    expect(await get(`/photos/a%20b${signed(policy(`${server.url}/videos/*`))}`)).toMatchObject({ status: 403 });
  });

  it('holds the time and the address against the policy', async () => {
    expect(await statusUnder({ DateLessThan: secondsFromNow(0) })).toBe(403);
    expect(await statusUnder({ DateGreaterThan: secondsFromNow(-1) })).toBe(200);
    expect(await statusUnder({ DateGreaterThan: secondsFromNow(1) })).toBe(403);
    expect(await statusUnder({ IpAddress: { 'AWS:SourceIp': '127.0.0.0/8' } })).toBe(200);
    expect(await statusUnder({ IpAddress: { 'AWS:SourceIp': '0.0.0.0/0' } })).toBe(200);
    expect(await statusUnder({ IpAddress: { 'AWS:SourceIp': '192.0.2.0/24' } })).toBe(403);
  });

  it('refuses missing, unknown and forged signatures and broken policies', async () => {
    const good = signed(policy('*'));
    expect(await get('/photos/a%20b')).toMatchObject({
      status: 403,
      text: expect.stringContaining('MissingKey') as string,
    });
    const unknown = signed(policy('*'), 'OTHER', 'KNONE');
    expect(await get(`/photos/a%20b${unknown}`)).toMatchObject({
      status: 403,
      text: expect.stringContaining('InvalidKey') as string,
    });
    expect(await get(`/photos/a%20b${signed(policy('*'), 'OTHER', 'KRSA')}`)).toMatchObject({ status: 403 });
    const other = Buffer.from(policy('*', { DateLessThan: { 'AWS:EpochTime': nowSeconds + 9999 } })).toString(
      'base64url',
    );
    expect(await get(`/photos/a%20b${good.replace(/Policy=[^&]*/, `Policy=${other}`)}`)).toMatchObject({ status: 403 });
    expect(await get(`/photos/a%20b${good.replace(/Signature=[^&]*/, '')}`)).toMatchObject({ status: 403 });
    const endless = JSON.stringify({ Statement: [{ Resource: '*', Condition: {} }] });
    expect(await get(`/photos/a%20b${signed(endless)}`)).toMatchObject({ status: 400 });
  });
});

function policy(resource: string, condition: object = {}): string {
  const conditions = { DateLessThan: secondsFromNow(60), ...condition };
  return JSON.stringify({ Statement: [{ Resource: resource, Condition: conditions }] });
}

function secondsFromNow(seconds: number): object {
  return { 'AWS:EpochTime': nowSeconds + seconds };
}

function queryOf(url: string): string {
  return url.slice(url.indexOf('?'));
}

function inPem({ publicKey, privateKey }: KeyPairKeyObjectResult): { publicKey: string; privateKey: string } {
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
