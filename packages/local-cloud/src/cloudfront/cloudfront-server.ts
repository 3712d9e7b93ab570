import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, type ListenOptions, type RunningServer } from '../http/listen.ts';
import { sendBody } from '../http/send-body.ts';
import { CloudFrontError } from './cloudfront-error.ts';
import { CloudFrontStats } from './cloudfront-stats.ts';
import { type CacheOptions, Distribution } from './distribution.ts';
import { Origin, type OriginOptions } from './origin.ts';
import { SignedUrlVerifier, splitQuery } from './signed-url.ts';

export interface CloudFrontServerOptions extends ListenOptions, CacheOptions {
  readonly origin: OriginOptions;
  /** PEM by key pair id. When set, only signed URLs are answered. */
  readonly publicKeys?: Readonly<Record<string, string>> | undefined;
  /** The scheme that viewers use, for the URL that policies are held against; default `http`. */
  readonly scheme?: 'http' | 'https' | undefined;
  /** Counts the GETs of every path in `stats.getsByPath`; default `false`. */
  readonly recordsPaths?: boolean | undefined;
  /** The clock of caching and signatures, epoch milliseconds. */
  readonly now?: (() => number) | undefined;
}

export interface CloudFrontServer extends RunningServer {
  readonly stats: CloudFrontStats;
  /** Bytes of bodies in the cache now. */
  cachedBytes(): number;
  /** Forgets the copies whose path, as it was requested, matches; default `/*`, all. */
  invalidate(pathPattern?: string): void;
}

const MAX_URL_BYTES = 8192;

/**
 * Starts a CloudFront distribution in front of an S3 server, for rehearsals and tests.
 * @throws the listen error, or the error of `node:crypto` when a public key is not one
 */
export async function startCloudFrontServer(options: CloudFrontServerOptions): Promise<CloudFrontServer> {
  const now = options.now ?? Date.now;
  const stats = new CloudFrontStats();
  const verifier = options.publicKeys === undefined ? undefined : new SignedUrlVerifier(options.publicKeys);
  const origin = new Origin(options.origin, now);
  const distribution = new Distribution(origin, options, stats, now);

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    stats.requests += 1;
    const { url = '/', headers, socket } = request;
    const base = `${options.scheme ?? 'http'}://${headers.host ?? ''}`;
    if (Buffer.byteLength(base + url) > MAX_URL_BYTES)
      throw new CloudFrontError(414, 'URITooLong', 'The URL is too long');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CloudFrontError(
        403,
        'MethodNotAllowed',
        'This distribution is not configured to allow the HTTP request method',
      );
    }
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const { query, signing } = splitQuery(mark < 0 ? '' : url.slice(mark + 1));
    const plainUrl = query === '' ? base + path : `${base}${path}?${query}`;
    verifier?.verify(plainUrl, signing, { ip: socket.remoteAddress ?? '', nowMs: now() });
    if (options.recordsPaths === true && request.method === 'GET') stats.countGet(path);
    await distribution.answer(path, query, request, response);
  };

  const server = await listen(async (request, response) => {
    try {
      await handle(request, response);
    } catch (error) {
      if (!(error instanceof CloudFrontError) || response.headersSent) throw error;
      stats.refused += 1;
      await sendError(error, request, response);
    }
  }, options);
  return {
    ...server,
    stats,
    cachedBytes: () => distribution.cachedBytes,
    invalidate: (pathPattern = '/*') => {
      distribution.invalidate(pathPattern);
    },
    close: async () => {
      await server.close();
      await origin.close();
    },
  };
}

/** Refusals of signatures are XML, everything else is a page for people, as from the service. */
async function sendError(error: CloudFrontError, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const isXml = error.status === 400 || (error.status === 403 && error.code !== 'MethodNotAllowed');
  const text = isXml
    ? `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${error.code}</Code><Message>${error.message}</Message></Error>`
    : `<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>${error.status} ERROR</H1>${error.message}.</BODY></HTML>`;
  const body = Buffer.from(text);
  const headers = ['Content-Type', isXml ? 'text/xml' : 'text/html', 'Content-Length', String(body.length)];
  headers.push('Server', 'CloudFront', 'X-Cache', 'Error from cloudfront');
  await sendBody(response, error.status, headers, request.method === 'HEAD' ? undefined : body);
}
