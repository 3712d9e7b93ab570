import { crc32c } from '@node-rs/crc32';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { Pool } from 'undici';

/**
 * The floor: as little as a relay of small objects can do and still know that they arrived. One GET, one multipart POST
 * with the CRC32C, the ETag held against the listed one and GCS's MD5 against that; no state, no queue, no retries, no
 * metadata, no signal to stop it. Called with the URLs of S3 and GCS, the destination bucket, the concurrency, and which part of how
 * many it is to move: `0/2` is the first half.
 */
const [, , s3Url = '', gcsUrl = '', bucket = '', concurrencyText = '', share = '0/1'] = process.argv;
const [part = 0, parts = 1] = share.split('/').map(Number);

const BOUNDARY = 'relay-boundary';
const CLOSING = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
const UPLOAD_PATH = `/upload/storage/v1/b/${bucket}/o?uploadType=multipart&ifGenerationMatch=0&fields=md5Hash`;
const UPLOAD_HEADERS = { 'content-type': `multipart/related; boundary=${BOUNDARY}` };

const source = new Pool(s3Url, { pipelining: 1 });
const destination = new Pool(gcsUrl, { pipelining: 1 });

async function relay(key: string, etag: string): Promise<void> {
  const { headers, body } = await source.request({ method: 'GET', path: `/source/${key}` });
  const content = Buffer.from(await body.arrayBuffer());
  if (headers.etag !== `"${etag}"`) throw new Error(`${key} has another ETag`);
  const checksum = Buffer.allocUnsafe(4);
  checksum.writeUInt32BE(crc32c(content));
  const metadata = { name: key, contentType: headers['content-type'], crc32c: checksum.toString('base64') };
  const opening = `--${BOUNDARY}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(metadata)}\r\n--${BOUNDARY}\r\n\r\n`;
  const answer = await destination.request({
    method: 'POST',
    path: UPLOAD_PATH,
    headers: UPLOAD_HEADERS,
    body: Buffer.concat([Buffer.from(opening), content, CLOSING]),
  });
  const { md5Hash } = (await answer.body.json()) as { readonly md5Hash?: string };
  if (Buffer.from(md5Hash ?? '', 'base64').toString('hex') !== etag) throw new Error(`${key} arrived changed`);
}

const connection = createS3Connection({
  bucket: 'source',
  region: 'us-east-1',
  endpointUrl: s3Url,
  credentials: 'anonymous',
});
const objects: { readonly key: string; readonly etag: string }[] = [];
const lister = createS3ObjectLister(connection);
for await (const page of lister.listObjects({ prefix: '', signal: new AbortController().signal })) {
  objects.push(...page.objects);
}
await connection.close();
const remaining = objects.values().filter((_, index) => index % parts === part);
const relayRemaining = async () => {
  for (const { key, etag } of remaining) await relay(key, etag);
};
await Promise.all(Array.from({ length: Number(concurrencyText) }, relayRemaining));
await Promise.all([source.close(), destination.close()]);
