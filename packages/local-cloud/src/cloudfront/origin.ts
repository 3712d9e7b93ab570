import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, errors, Pool } from 'undici';
import { type Credentials, signHeaders } from '../s3/sigv4.ts';
import { CloudFrontError } from './cloudfront-error.ts';

export interface OriginOptions {
  /** Where the S3 server listens: `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly bucket: string;
  /** The host name that the origin is asked for; default `BUCKET.s3.us-east-1.amazonaws.com`. */
  readonly host?: string | undefined;
  /** In front of every path, as encoded as a path is: `/photos`; default none. */
  readonly path?: string | undefined;
  /** Signs every request that is not signed by the viewer, as an origin access control does. */
  readonly credentials?: Credentials | undefined;
  /** For the signature; default `us-east-1`. */
  readonly region?: string | undefined;
  /** Default 30 s, as CloudFront. */
  readonly readTimeoutMs?: number | undefined;
}

export interface OriginRequest {
  readonly method: 'GET' | 'HEAD';
  /** Raw: as the viewer sent it. */
  readonly path: string;
  /** Raw, without the question mark. */
  readonly query: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly isSigned: boolean;
}

export interface OriginAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Dispatcher.ResponseData['body'];
}

const ATTEMPTS = 3;

/** The S3 server as CloudFront sees it: over HTTP, by virtual host, with paths as raw as they came. */
export class Origin {
  readonly #pool: Pool;
  readonly #host: string;
  readonly #options: OriginOptions;
  readonly #now: () => number;

  constructor(options: OriginOptions, now: () => number) {
    const timeoutMs = options.readTimeoutMs ?? 30_000;
    this.#pool = new Pool(options.url, { headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
    this.#host = options.host ?? `${options.bucket}.s3.us-east-1.amazonaws.com`;
    this.#options = options;
    this.#now = now;
  }

  /** @throws CloudFrontError 504 when the origin does not answer in time, 502 when it cannot be reached: after 3 tries */
  async fetch(request: OriginRequest): Promise<OriginAnswer> {
    const rawPath = (this.#options.path ?? '') + request.path;
    const path = request.query === '' ? rawPath : `${rawPath}?${request.query}`;
    for (let attempt = 1; ; attempt++) {
      try {
        const headers = [
          'host',
          this.#host,
          'user-agent',
          'Amazon CloudFront',
          ...request.headers,
          ...this.#sign(request, rawPath),
        ];
        const {
          statusCode,
          headers: received,
          body,
        } = await this.#pool.request({ method: request.method, path, headers });
        return { status: statusCode, headers: received, body };
      } catch (error) {
        if (attempt < ATTEMPTS) continue;
        if (error instanceof errors.HeadersTimeoutError) {
          throw new CloudFrontError(
            504,
            'OriginTimeout',
            'CloudFront could not get a response from the origin in time',
          );
        }
        throw new CloudFrontError(502, 'OriginUnreachable', 'CloudFront could not connect to the origin');
      }
    }
  }

  #sign(request: OriginRequest, rawPath: string): string[] {
    const { credentials, region = 'us-east-1' } = this.#options;
    if (credentials === undefined || request.isSigned) return [];
    const { method, query: rawQuery } = request;
    return signHeaders({ method, rawPath, rawQuery, host: this.#host }, credentials, region, this.#now());
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
