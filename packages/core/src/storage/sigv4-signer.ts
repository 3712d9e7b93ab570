import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { unlessAborted } from '../runtime/unless-aborted.ts';

/** Credentials of AWS; the shape that every provider of the AWS SDK hands out. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Gives the credentials that are good now; it caches and renews them itself. */
export type AwsCredentialsProvider = () => Promise<AwsCredentials>;

interface SigV4Request {
  readonly method: 'GET' | 'HEAD';
  readonly host: string;
  /** As it is sent, percent-encoded once. */
  readonly rawPath: string;
  /** Not encoded. */
  readonly query?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * @returns the headers that prove who asks, without `host`
 * @throws the reason of the signal when it aborts while credentials are waited for
 */
export type SigV4Signer = (request: SigV4Request) => Promise<Record<string, string>>;

/**
 * Signs requests without a body for S3 (Signature Version 4). Only the host and the `x-amz-*` headers are signed, so
 * that `Range` and `If-Match` may be added, and a CDN in between may alter the others.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function createSigV4Signer(region: string, credentials: AwsCredentialsProvider): SigV4Signer {
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials,
    sha256: Sha256,
    // S3 keys are encoded once, and their path is not normalized.
    uriEscapePath: false,
    applyChecksum: false,
  });
  return async ({ method, host, rawPath, query, signal }) => {
    signal.throwIfAborted();
    const signing = signer.sign({
      method,
      protocol: 'https:',
      hostname: host,
      path: rawPath,
      query: { ...query },
      headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    });
    const { headers } = await unlessAborted(signing, signal);
    const { host: _signed, ...proof } = headers;
    return proof;
  };
}

/** SHA-256, or HMAC-SHA-256 where a secret is given, in the shape that the signer asks for. */
class Sha256 {
  readonly #secret: string | NodeJS.ArrayBufferView | undefined;
  #state: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret =
      secret instanceof ArrayBuffer ? new Uint8Array(secret) : (secret as NodeJS.ArrayBufferView | undefined);
    this.#state = this.#begin();
  }

  update(data: Uint8Array): void {
    this.#state.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#state.digest());
  }

  reset(): void {
    this.#state = this.#begin();
  }

  #begin(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
  }
}
