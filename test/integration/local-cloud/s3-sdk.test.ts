import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { startS3Server, type S3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostileKeys } from './hostile-keys.ts';

const credentials = { accessKeyId: 'AKIDLOCAL', secretAccessKey: 'local/secret' };

describe('the S3 server, asked by the AWS SDK', () => {
  let server: S3Server;
  let client: S3Client;

  beforeEach(async () => {
    server = await startS3Server({ buckets: { photos: {} }, credentials, recordsKeys: true });
    client = new S3Client({ endpoint: server.url, region: 'us-east-1', credentials, forcePathStyle: true });
  });

  afterEach(async () => {
    client.destroy();
    await server.close();
  });

  const list = async (input: { Prefix?: string; MaxKeys?: number } = {}): Promise<string[]> => {
    const keys: string[] = [];
    for await (const page of paginateListObjectsV2({ client }, { Bucket: 'photos', EncodingType: 'url', ...input })) {
      for (const { Key } of page.Contents ?? []) keys.push(decodeURIComponent((Key ?? '').replaceAll('+', ' ')));
    }
    return keys;
  };

  it('takes, lists and gives back hostile keys, signed', async () => {
    for (const key of hostileKeys)
      await client.send(new PutObjectCommand({ Bucket: 'photos', Key: key, Body: `<${key}>` }));
    const byBytes = hostileKeys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await list({ MaxKeys: 4 })).toEqual(byBytes);
    for (const key of hostileKeys) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: 'photos', Key: key }));
      expect(await Body?.transformToString()).toBe(`<${key}>`);
    }
    expect([...server.stats.getsByObject.values()]).toEqual(hostileKeys.map(() => 1));
  });

  it('deletes hostile keys in one request', async () => {
    for (const key of hostileKeys) server.bucket('photos').put(key, 'x');
    // The XML writer of the SDK leaves these characters out or unescaped.
    const keys = hostileKeys.filter((key) => !/\p{Cc}|\uffff/u.test(key));
    const Objects = keys.map((Key) => ({ Key }));
    const { Deleted } = await client.send(new DeleteObjectsCommand({ Bucket: 'photos', Delete: { Objects } }));
    expect(Deleted?.length).toBe(keys.length);
    expect(await list()).toHaveLength(hostileKeys.length - keys.length);
  });

  it('keeps system headers and metadata, and answers non-ASCII metadata as an encoded word', async () => {
    await client.send(
      new PutObjectCommand({
        Bucket: 'photos',
        Key: 'a.html',
        Body: 'text',
        ContentType: 'text/html; charset=utf-8',
        CacheControl: 'max-age=60',
        ContentDisposition: 'attachment; filename="a.html"',
        ContentLanguage: 'de',
        ContentEncoding: 'identity',
        StorageClass: 'STANDARD_IA',
        ServerSideEncryption: 'AES256',
        Metadata: { owner: 'ann', place: '=?UTF-8?B?TcO8bmNoZW4=?=' },
      }),
    );
    const head = await client.send(new HeadObjectCommand({ Bucket: 'photos', Key: 'a.html' }));
    expect(head).toMatchObject({
      ContentType: 'text/html; charset=utf-8',
      CacheControl: 'max-age=60',
      ContentDisposition: 'attachment; filename="a.html"',
      ContentLanguage: 'de',
      ContentEncoding: 'identity',
      StorageClass: 'STANDARD_IA',
      ServerSideEncryption: 'AES256',
      Metadata: { owner: 'ann', place: '=?UTF-8?B?TcO8bmNoZW4=?=' },
      ETag: '"1cb251ec0d568de6a929b520c4aed8d1"',
      ContentLength: 4,
    });
    const object = await server.bucket('photos').content.stat('a.html');
    expect(object?.attributes.userMetadata).toEqual({ owner: 'ann', place: 'München' });
  });

  it('decodes streamed bodies with trailing checksums and stores no aws-chunked', async () => {
    const body = Buffer.alloc(300_000, 'abc');
    const stream = Readable.from([body.subarray(0, 70_000), body.subarray(70_000)]);
    const input = { Bucket: 'photos', Key: 'streamed', Body: stream, ContentLength: body.length };
    await client.send(new PutObjectCommand({ ...input, ChecksumAlgorithm: 'CRC32C' }));
    const answer = await client.send(new GetObjectCommand({ Bucket: 'photos', Key: 'streamed' }));
    expect(answer.ContentEncoding).toBeUndefined();
    expect(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
  });

  it('puts a multipart upload together under the ETag md5-of-md5s-N', async () => {
    const target = { Bucket: 'photos', Key: 'large file' };
    const parts = [Buffer.alloc(5 * 1024 * 1024, 1), Buffer.alloc(1000, 2)];
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...target, ContentType: 'video/mp4' }));
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const [index, Body] of parts.entries()) {
      const PartNumber = index + 1;
      const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
      Parts.push({ PartNumber, ETag });
    }
    const done = await client.send(
      new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
    );
    const etag = `"${md5(Buffer.concat(parts.map(md5))).toString('hex')}-2"`;
    expect(done.ETag).toBe(etag);
    const range = await client.send(new GetObjectCommand({ ...target, Range: 'bytes=5242879-5242880' }));
    expect(range).toMatchObject({
      ETag: etag,
      ContentType: 'video/mp4',
      ContentRange: 'bytes 5242879-5242880/5243880',
    });
    expect(await range.Body?.transformToByteArray()).toEqual(new Uint8Array([1, 2]));
  });

  it('forgets an aborted multipart upload', async () => {
    const target = { Bucket: 'photos', Key: 'large' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
    await client.send(new AbortMultipartUploadCommand({ ...target, UploadId }));
    const again = client.send(new AbortMultipartUploadCommand({ ...target, UploadId }));
    await expect(again).rejects.toMatchObject({ name: 'NoSuchUpload' });
    expect(await list()).toEqual([]);
  });

  it('counts common prefixes as keys and pages across them', async () => {
    for (const key of ['a/1', 'a/2', 'b', 'c/1', 'd']) server.bucket('photos').put(key, '');
    const input = { Bucket: 'photos', Delimiter: '/', MaxKeys: 2 };
    const first = await client.send(new ListObjectsV2Command(input));
    expect(first).toMatchObject({ KeyCount: 2, IsTruncated: true, CommonPrefixes: [{ Prefix: 'a/' }] });
    const second = await client.send(
      new ListObjectsV2Command({ ...input, ContinuationToken: first.NextContinuationToken }),
    );
    expect(second).toMatchObject({ KeyCount: 2, IsTruncated: false, CommonPrefixes: [{ Prefix: 'c/' }] });
    expect(second.Contents?.map(({ Key }) => Key)).toEqual(['d']);
  });

  it('refuses other secrets, other key ids and no signature', async () => {
    server.bucket('photos').put('a', 'x');
    const send = async (given: { accessKeyId: string; secretAccessKey: string }) => {
      const other = new S3Client({
        endpoint: server.url,
        region: 'us-east-1',
        credentials: given,
        forcePathStyle: true,
      });
      try {
        await other.send(new GetObjectCommand({ Bucket: 'photos', Key: 'a' }));
      } finally {
        other.destroy();
      }
    };
    await expect(send({ ...credentials, secretAccessKey: 'other' })).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
    });
    await expect(send({ ...credentials, accessKeyId: 'other' })).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
    expect((await fetch(`${server.url}/photos/a`)).status).toBe(403);
  });
});

function md5(data: Buffer): Buffer {
  return createHash('md5').update(data).digest();
}
