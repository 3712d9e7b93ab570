import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { crc32, crc32c } from '@node-rs/crc32';
import { AwsChunkedDecoder } from './aws-chunked.ts';
import { S3Error } from './s3-error.ts';

export interface RequestBody {
  readonly chunks: readonly Buffer[];
  readonly size: number;
  /** In hex. */
  readonly md5: string;
}

/**
 * Reads a body whole, undoes `aws-chunked` and holds it against every checksum that came with it, in a header or a
 * trailer (CRC-64/NVME excepted).
 * @throws S3Error BadDigest, IncompleteBody, XAmzContentSHA256Mismatch
 */
export async function readBody(request: IncomingMessage): Promise<RequestBody> {
  const { headers } = request;
  const { chunks, trailers } = isAwsChunked(headers) ? await readChunked(request) : await readPlain(request);
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const decodedLength = headers['x-amz-decoded-content-length'];
  if (decodedLength !== undefined && Number(decodedLength) !== size) {
    throw new S3Error(400, 'IncompleteBody', 'The body is not as long as x-amz-decoded-content-length says');
  }
  const md5 = digest('md5', chunks);
  verify(headers, trailers, chunks, md5);
  return { chunks, size, md5: md5.toString('hex') };
}

function isAwsChunked(headers: IncomingHttpHeaders): boolean {
  const sha256 = headers['x-amz-content-sha256'];
  const isStreaming = typeof sha256 === 'string' && sha256.startsWith('STREAMING-');
  return isStreaming || (headers['content-encoding'] ?? '').split(',').some((item) => item.trim() === 'aws-chunked');
}

interface Parts {
  readonly chunks: readonly Buffer[];
  readonly trailers: ReadonlyMap<string, string>;
}

async function readPlain(request: IncomingMessage): Promise<Parts> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return { chunks, trailers: new Map() };
}

async function readChunked(request: IncomingMessage): Promise<Parts> {
  const decoder = new AwsChunkedDecoder();
  for await (const chunk of request) decoder.write(chunk as Buffer);
  decoder.end();
  return decoder;
}

function verify(
  headers: IncomingHttpHeaders,
  trailers: ReadonlyMap<string, string>,
  chunks: readonly Buffer[],
  md5: Buffer,
): void {
  const expectedMd5 = headers['content-md5'];
  if (expectedMd5 !== undefined && expectedMd5 !== md5.toString('base64')) throw badDigest('Content-MD5');
  for (const [name, compute] of Object.entries(CHECKSUMS)) {
    const expected = headers[name] ?? trailers.get(name);
    if (expected !== undefined && expected !== compute(chunks).toString('base64')) throw badDigest(name);
  }
  const sha256 = headers['x-amz-content-sha256'];
  if (
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    sha256 !== digest('sha256', chunks).toString('hex')
  ) {
    throw new S3Error(400, 'XAmzContentSHA256Mismatch', 'x-amz-content-sha256 does not match what was computed');
  }
}

const CHECKSUMS: Readonly<Record<string, (chunks: readonly Buffer[]) => Buffer>> = {
  'x-amz-checksum-crc32': (chunks) => bigEndian(chunks.reduce((crc, chunk) => crc32(chunk, crc), 0)),
  'x-amz-checksum-crc32c': (chunks) => bigEndian(chunks.reduce((crc, chunk) => crc32c(chunk, crc), 0)),
  'x-amz-checksum-sha1': (chunks) => digest('sha1', chunks),
  'x-amz-checksum-sha256': (chunks) => digest('sha256', chunks),
};

function digest(algorithm: string, chunks: readonly Buffer[]): Buffer {
  const hash = createHash(algorithm);
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
}

function bigEndian(crc: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes;
}

function badDigest(what: string): S3Error {
  return new S3Error(400, 'BadDigest', `The ${what} you specified did not match what we received.`);
}
