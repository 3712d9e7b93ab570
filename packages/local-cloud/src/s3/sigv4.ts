import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { decodeHeaderText } from '../http/header-text.ts';
import { decodeText } from './request-target.ts';
import { accessDenied, S3Error } from './s3-error.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What of a request a signature covers. */
export interface SignedRequest {
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly headers: IncomingHttpHeaders;
}

export interface VerifyOptions {
  readonly credentials: Credentials;
  /** Host names that the client may have signed for, beside the `Host` header received. */
  readonly signedHosts: readonly string[];
  readonly nowMs: number;
}

const MAX_SKEW_MS = 15 * 60_000;

/** The parts of a signature, from the `Authorization` header or the query of a presigned URL. */
interface Signature {
  readonly accessKeyId: string;
  /** `20240131/us-east-1/s3/aws4_request` */
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20240131T235959Z` */
  readonly timestamp: string;
  readonly payloadHash: string;
  readonly expiresMs: number | undefined;
}

/**
 * Verifies an AWS Signature Version 4, in the header or in the query
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html).
 * @throws S3Error AccessDenied, InvalidAccessKeyId, AuthorizationHeaderMalformed, RequestTimeTooSkewed,
 *   SignatureDoesNotMatch
 */
export function verifySignature(request: SignedRequest, options: VerifyOptions): void {
  const query = decodePairs(request.rawQuery);
  const given = request.headers.authorization === undefined ? fromQuery(query) : fromHeader(request.headers);
  if (given.accessKeyId !== options.credentials.accessKeyId) {
    throw new S3Error(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  }
  verifyTime(given, options.nowMs);
  if (!given.signedHeaders.includes('host')) throw malformed('The host header must be signed');
  const received = request.headers.host ?? '';
  for (const host of [received, ...options.signedHosts]) {
    // What was signed is the encoding of the client, which need not be the one that travelled.
    for (const path of new Set([request.rawPath, encodePath(request.rawPath)])) {
      const canonical = canonicalRequest(request, given, query, path, host);
      const expected = sign(options.credentials.secretAccessKey, given.scope, given.timestamp, canonical);
      if (equal(expected, given.signature)) return;
    }
  }
  throw new S3Error(
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  );
}

/**
 * Headers that sign a request without a body for S3, as an origin access control of CloudFront adds them.
 * @returns names and values in turn
 */
export function signHeaders(
  request: { readonly method: string; readonly rawPath: string; readonly rawQuery: string; readonly host: string },
  credentials: Credentials,
  region: string,
  nowMs: number,
): string[] {
  const timestamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const payloadHash = 'UNSIGNED-PAYLOAD';
  const headers = { 'x-amz-date': timestamp, 'x-amz-content-sha256': payloadHash };
  const signedHeaders = ['host', 'x-amz-content-sha256', 'x-amz-date'];
  const scope = `${timestamp.slice(0, 8)}/${region}/s3/aws4_request`;
  const canonical = canonicalRequest(
    { ...request, headers },
    { signedHeaders, payloadHash },
    decodePairs(request.rawQuery),
    request.rawPath,
    request.host,
  );
  const signature = sign(credentials.secretAccessKey, scope, timestamp, canonical);
  const credential = `${credentials.accessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
  return [...Object.entries(headers).flat(), 'authorization', authorization];
}

type Pairs = readonly (readonly [name: string, value: string])[];

function fromHeader(headers: IncomingHttpHeaders): Signature {
  const match = /^AWS4-HMAC-SHA256\s+(.*)$/.exec(headers.authorization ?? '');
  if (match === null) throw malformed('Only AWS4-HMAC-SHA256 is supported');
  const fields = new Map<string, string>();
  for (const field of (match[1] ?? '').split(',')) {
    const equals = field.indexOf('=');
    fields.set(field.slice(0, equals).trim(), field.slice(equals + 1).trim());
  }
  const payloadHash = textOf(headers['x-amz-content-sha256']);
  if (payloadHash === undefined)
    throw new S3Error(400, 'InvalidRequest', 'Missing required header: x-amz-content-sha256');
  return {
    ...splitCredential(fields.get('Credential')),
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';'),
    signature: fields.get('Signature') ?? '',
    timestamp: textOf(headers['x-amz-date']) ?? '',
    payloadHash,
    expiresMs: undefined,
  };
}

function fromQuery(query: Pairs): Signature {
  const fields = new Map(query);
  const signature = fields.get('X-Amz-Signature');
  if (signature === undefined) throw accessDenied();
  const seconds = Number(fields.get('X-Amz-Expires'));
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 604_800)
    throw malformed('X-Amz-Expires must be 1 to 604800');
  return {
    ...splitCredential(fields.get('X-Amz-Credential')),
    signedHeaders: (fields.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature,
    timestamp: fields.get('X-Amz-Date') ?? '',
    payloadHash: fields.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    expiresMs: seconds * 1000,
  };
}

function splitCredential(credential: string | undefined): { readonly accessKeyId: string; readonly scope: string } {
  const slash = credential?.indexOf('/') ?? -1;
  if (credential === undefined || slash < 0) throw malformed('The credential is malformed');
  return { accessKeyId: credential.slice(0, slash), scope: credential.slice(slash + 1) };
}

function verifyTime({ timestamp, scope, expiresMs }: Signature, nowMs: number): void {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (match === null || !scope.startsWith(timestamp.slice(0, 8))) throw malformed('The date is malformed');
  const [, year, month, day, hour, minute, second] = match;
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (expiresMs === undefined) {
    if (Math.abs(nowMs - signedMs) <= MAX_SKEW_MS) return;
    throw new S3Error(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );
  }
  if (nowMs > signedMs + expiresMs) throw accessDenied('Request has expired');
  if (signedMs > nowMs + MAX_SKEW_MS) throw accessDenied('Request is not yet valid');
}

function canonicalRequest(
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  given: { readonly signedHeaders: readonly string[]; readonly payloadHash: string },
  query: Pairs,
  path: string,
  host: string,
): string {
  const pairs = query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encodeStrict(name)}=${encodeStrict(value)}`)
    .toSorted();
  const headers = given.signedHeaders.map(
    (name) => `${name}:${headerValue(name === 'host' ? host : request.headers[name])}\n`,
  );
  return [
    request.method,
    path,
    pairs.join('&'),
    headers.join(''),
    given.signedHeaders.join(';'),
    given.payloadHash,
  ].join('\n');
}

function headerValue(value: string | string[] | undefined): string {
  const text = Array.isArray(value) ? value.join(',') : (value ?? '');
  // An encoded word is signed as it stands; only bytes that Node read as Latin-1 are put right.
  return (text.startsWith('=?') ? text : decodeHeaderText(text)).trim().replaceAll(/ +/g, ' ');
}

function sign(secretAccessKey: string, scope: string, timestamp: string, canonical: string): string {
  const hash = createHash('sha256').update(canonical).digest('hex');
  let key: string | Buffer = `AWS4${secretAccessKey}`;
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest();
  return createHmac('sha256', key).update(`AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${hash}`).digest('hex');
}

function decodePairs(rawQuery: string): Pairs {
  if (rawQuery === '') return [];
  return rawQuery.split('&').map((pair) => {
    const equals = pair.indexOf('=');
    return equals < 0
      ? [decodeText(pair), '']
      : [decodeText(pair.slice(0, equals)), decodeText(pair.slice(equals + 1))];
  });
}

function encodePath(rawPath: string): string {
  return rawPath
    .split('/')
    .map((segment) => encodeStrict(decodeText(segment)))
    .join('/');
}

function encodeStrict(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function equal(left: string, right: string): boolean {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function malformed(message: string): S3Error {
  return new S3Error(400, 'AuthorizationHeaderMalformed', message);
}
