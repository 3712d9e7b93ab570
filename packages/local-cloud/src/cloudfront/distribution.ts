import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseRange } from '../http/byte-range.ts';
import { evaluatePreconditions, rangeApplies } from '../http/preconditions.ts';
import { sendBody } from '../http/send-body.ts';
import { chooseEncoding, compress, type Encoding, isCompressible } from './compression.ts';
import type { CloudFrontStats } from './cloudfront-stats.ts';
import { CloudFrontError } from './cloudfront-error.ts';
import { type CachedAnswer, EdgeCache } from './edge-cache.ts';
import type { Origin, OriginAnswer } from './origin.ts';
import { conditionHeaders, lifetimeMs, passedHeaders, signatureHeaders } from './origin-headers.ts';

export interface CacheOptions {
  /** Default 24 h; `Cache-Control` of the object overrides it. 0: nothing is cached, as with the policy CachingDisabled. */
  readonly ttlMs?: number | undefined;
  /** How long answers of 400 and above are kept; default 0, not at all. CloudFront's own default is 10 s. */
  readonly errorTtlMs?: number | undefined;
  /** Of all bodies together; default 256 MiB. */
  readonly cacheBytes?: number | undefined;
  /** Larger objects are passed through as they come; default 8 MiB. Smaller ones are answered once they are there whole. */
  readonly maxCachedObjectBytes?: number | undefined;
  /** Whether the query is part of the cache key and reaches the origin; default `false`. */
  readonly includesQueryString?: boolean | undefined;
  /** Whether Signature Version 4 headers of the viewer reach the origin; such requests are never cached. Default `false`. */
  readonly forwardsAuthorization?: boolean | undefined;
  /** Whether text is compressed for viewers that accept it; default `false`. */
  readonly compresses?: boolean | undefined;
}

const DAY_MS = 86_400_000;

/** A request on its way through the distribution. */
interface Exchange {
  readonly path: string;
  readonly query: string;
  readonly method: 'GET' | 'HEAD';
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * The cache behaviour of a distribution. A copy that is still valid is answered at once. One that is not is held
 * against the origin first, and still answered when the origin fails. Without a copy, a plain GET fetches one; ranges
 * and HEAD are passed through and leave no copy.
 */
export class Distribution {
  readonly #origin: Origin;
  readonly #options: CacheOptions;
  readonly #stats: CloudFrontStats;
  readonly #now: () => number;
  readonly #cache: EdgeCache;
  readonly #ttlMs: number;
  readonly #maxObjectBytes: number;

  constructor(origin: Origin, options: CacheOptions, stats: CloudFrontStats, now: () => number) {
    this.#origin = origin;
    this.#options = options;
    this.#stats = stats;
    this.#now = now;
    const cacheBytes = options.cacheBytes ?? 256 * 1024 * 1024;
    this.#cache = new EdgeCache(cacheBytes);
    this.#ttlMs = options.ttlMs ?? DAY_MS;
    this.#maxObjectBytes = Math.min(options.maxCachedObjectBytes ?? 8 * 1024 * 1024, cacheBytes);
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  invalidate(pathPattern: string): void {
    this.#cache.invalidate(pathPattern);
  }

  /**
   * @param path raw, as requested
   * @param query raw, without the parameters that sign the URL
   * @throws CloudFrontError 502 and 504 of the origin
   */
  async answer(path: string, query: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const kept = this.#options.includesQueryString === true ? query : '';
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
    const exchange: Exchange = { path, query: kept, method, request, response };
    const isSigned = this.#options.forwardsAuthorization === true && request.headers.authorization !== undefined;
    if (this.#ttlMs === 0 || isSigned) return this.#passThrough(exchange, isSigned);
    const encoding = this.#options.compresses === true ? chooseEncoding(request.headers['accept-encoding']) : undefined;
    const cacheKey = `${path}?${kept}\n${encoding ?? ''}`;
    const copy = this.#cache.get(cacheKey);
    if (copy !== undefined && copy.expiresAtMs > this.#now()) {
      this.#stats.hits += 1;
      return this.#serve(copy, exchange, 'Hit from cloudfront');
    }
    if (copy === undefined && (method === 'HEAD' || request.headers.range !== undefined)) {
      return this.#passThrough(exchange, false);
    }
    return this.#fetchCopy(exchange, cacheKey, copy, encoding);
  }

  async #passThrough(exchange: Exchange, isSigned: boolean): Promise<void> {
    const { path, query, method, request } = exchange;
    const headers = conditionHeaders(request.headers);
    if (isSigned) headers.push(...signatureHeaders(request.headers));
    this.#stats.misses += 1;
    this.#stats.originRequests += 1;
    await this.#stream(await this.#origin.fetch({ method, path, query, headers, isSigned }), exchange);
  }

  /** Hands on an answer of the origin while it comes in. */
  async #stream(answer: OriginAnswer, { method, response }: Exchange): Promise<void> {
    const headers = passedHeaders(answer.headers);
    headers.push('X-Cache', answer.status >= 400 ? 'Error from cloudfront' : 'Miss from cloudfront', 'Via', VIA);
    const length = answer.headers['content-length'];
    if (length !== undefined) headers.push('Content-Length', length);
    const hasBody = method === 'GET' && answer.status !== 304;
    if (hasBody) this.#count(Number(length ?? 0));
    else await answer.body.dump();
    await sendBody(response, answer.status, headers, hasBody ? answer.body : undefined);
  }

  #count(bytes: number): void {
    this.#stats.bytesSent += bytes;
    this.#stats.bytesFromOrigin += bytes;
  }

  /** Fetches a copy, or has the one that ran out confirmed, and answers it. */
  async #fetchCopy(
    exchange: Exchange,
    cacheKey: string,
    old: CachedAnswer | undefined,
    encoding: Encoding | undefined,
  ): Promise<void> {
    const { path, query } = exchange;
    const etag = old?.originEtag;
    const headers = etag === undefined ? [] : ['if-none-match', etag];
    this.#stats.originRequests += 1;
    const stale = etag === undefined ? undefined : old;
    let answer: OriginAnswer;
    try {
      answer = await this.#origin.fetch({ method: 'GET', path, query, headers, isSigned: false });
    } catch (error) {
      if (stale === undefined || !(error instanceof CloudFrontError)) throw error;
      this.#stats.hits += 1;
      return this.#serve(stale, exchange, 'Hit from cloudfront');
    }
    if (stale !== undefined && answer.status >= 500) {
      await answer.body.dump();
      this.#stats.hits += 1;
      return this.#serve(stale, exchange, 'Hit from cloudfront');
    }
    if (stale !== undefined && answer.status === 304) {
      await answer.body.dump();
      const copy = { ...stale, ...this.#lifetime(answer) };
      this.#cache.set(cacheKey, copy);
      this.#stats.refreshHits += 1;
      return this.#serve(copy, exchange, 'RefreshHit from cloudfront');
    }
    const length = answer.headers['content-length'];
    if (length === undefined || Number(length) > this.#maxObjectBytes) {
      this.#cache.delete(cacheKey);
      if (exchange.method === 'GET' && conditionHeaders(exchange.request.headers).length === 0) {
        this.#stats.misses += 1;
        return this.#stream(answer, exchange);
      }
      // Its conditions are for the origin to judge: this answer is of no use.
      answer.body.destroy();
      return this.#passThrough(exchange, false);
    }
    const copy = await this.#makeCopy(answer, path, encoding);
    if (copy.expiresAtMs > copy.storedAtMs) this.#cache.set(cacheKey, copy);
    else this.#cache.delete(cacheKey);
    this.#stats.misses += 1;
    return this.#serve(copy, exchange, copy.status >= 400 ? 'Error from cloudfront' : 'Miss from cloudfront');
  }

  async #makeCopy(answer: OriginAnswer, path: string, encoding: Encoding | undefined): Promise<CachedAnswer> {
    const { status } = answer;
    let headers = passedHeaders(answer.headers);
    let body: Buffer = await readWhole(answer);
    this.#stats.bytesFromOrigin += body.length;
    const originEtag = status === 200 ? answer.headers.etag : undefined;
    let etag = originEtag;
    const { 'content-type': contentType = '', 'content-encoding': contentEncoding } = answer.headers;
    if (encoding !== undefined && status === 200 && isCompressible(contentType, contentEncoding, body.length)) {
      body = await compress(body, encoding);
      etag = originEtag === undefined ? undefined : `W/${originEtag.replace(/^W\//, '')}`;
      headers = withHeaders(headers, {
        etag,
        'content-encoding': encoding,
        vary: 'Accept-Encoding',
        'accept-ranges': undefined,
      });
    }
    const lastModifiedMs = Date.parse(answer.headers['last-modified'] ?? '') || 0;
    return { path, status, headers, etag, originEtag, lastModifiedMs, body, ...this.#lifetime(answer) };
  }

  #lifetime({ status, headers }: OriginAnswer): { storedAtMs: number; expiresAtMs: number } {
    const storedAtMs = this.#now();
    const ttlMs = status >= 400 ? (this.#options.errorTtlMs ?? 0) : lifetimeMs(headers['cache-control'], this.#ttlMs);
    return { storedAtMs, expiresAtMs: storedAtMs + ttlMs };
  }

  async #serve(copy: CachedAnswer, { method, request, response }: Exchange, xCache: string): Promise<void> {
    const headers = [...copy.headers, 'X-Cache', xCache, 'Via', VIA];
    if (!xCache.startsWith('Miss') && !xCache.startsWith('Error')) {
      headers.push('Age', String(Math.max(0, Math.floor((this.#now() - copy.storedAtMs) / 1000))));
    }
    const { body } = copy;
    const sendNow = (status: number, part: Buffer): Promise<void> => {
      headers.push('Content-Length', String(part.length));
      if (method === 'HEAD') return sendBody(response, status, headers, undefined);
      this.#stats.bytesSent += part.length;
      return sendBody(response, status, headers, part);
    };
    if (copy.status !== 200 || copy.etag === undefined) return sendNow(copy.status, body);
    const validators = { etag: copy.etag, lastModifiedMs: copy.lastModifiedMs };
    const outcome = evaluatePreconditions(request.headers, validators);
    if (outcome === 304) return sendBody(response, 304, headers, undefined);
    if (outcome === 412) return sendNow(412, NOTHING);
    const range = rangeApplies(request.headers, validators)
      ? parseRange(request.headers.range, body.length)
      : undefined;
    if (range === undefined) return sendNow(200, body);
    if (range === 'unsatisfiable') {
      headers.push('Content-Range', `bytes */${body.length}`);
      return sendNow(416, NOTHING);
    }
    headers.push('Content-Range', `bytes ${range.first}-${range.last}/${body.length}`);
    return sendNow(206, body.subarray(range.first, range.last + 1));
  }
}

async function readWhole(answer: OriginAnswer): Promise<Buffer> {
  try {
    return Buffer.from(await answer.body.arrayBuffer());
  } catch {
    throw new CloudFrontError(502, 'OriginUnreachable', 'The origin closed the connection');
  }
}

const VIA = '1.1 local.cloudfront.net (CloudFront)';
const NOTHING = Buffer.alloc(0);

/** `undefined` takes a header away. */
function withHeaders(headers: readonly string[], changes: Readonly<Record<string, string | undefined>>): string[] {
  const changed: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!(name in changes)) changed.push(name, headers[index + 1] ?? '');
  }
  for (const [name, value] of Object.entries(changes)) if (value !== undefined) changed.push(name, value);
  return changed;
}
