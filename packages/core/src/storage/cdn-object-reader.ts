import { randomUUID } from 'node:crypto';
import { SourceError } from '../domain/errors.ts';
import { cdnPath } from '../domain/key-mapping.ts';
import type { ObjectContent, ObjectReader, ReadRequest } from '../ports/object-source.ts';
import { createCdnPolicySigner, type CdnPolicySigner } from './cdn-policy-signer.ts';
import type { CdnSigningKeySettings } from './cdn-signing-key.ts';
import { getObject } from './http-object-reader.ts';
import { splitUrl, type HttpPoolSettings, type SplitUrl } from './http-pool.ts';
import { openConnections } from './object-connections.ts';
import type { S3Endpoint } from './s3-endpoint.ts';
import { LIST_BUCKET_HINT } from './s3-object-reader.ts';
import { createSigV4Signer, type AwsCredentialsProvider } from './sigv4-signer.ts';
import type { SourceRequest } from './source-failure.ts';

/** How requests prove that they may read. */
export type CdnSigning =
  | { readonly kind: 'none' }
  /** Signed URLs: one custom policy for the whole prefix. */
  | (CdnSigningKeySettings & { readonly kind: 'signed'; readonly lifetimeMs: number })
  /**
   * Requests signed for the bucket itself, which a distribution without caching passes on with their headers. S3 must
   * see the path that the CDN was asked for, below the endpoint's base path.
   */
  | { readonly kind: 'sigv4'; readonly endpoint: S3Endpoint; readonly credentials: AwsCredentialsProvider };

export interface CdnReaderSettings {
  /** `cloudfront_url_host_pre`: what precedes every key, without a separator. */
  readonly urlHostPre: string;
  /** `replace_key_parts`. */
  readonly replaceKeyParts?: Readonly<Record<string, string>> | undefined;
  readonly signing: CdnSigning;
  readonly pool?: HttpPoolSettings | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html */
const MAX_URL_BYTES = 8192;

/** Nothing but a query that no other request has gets past a cache; the cache policy must include query strings. */
const BYPASS_PARAMETER = 'object-transfer-bypass';

/** Query and headers that are added to one request. */
interface Proof {
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads through a CDN.
 *
 * `bypassCache` adds a query parameter that no other request has. That reaches the origin where the distribution's cache
 * policy includes query strings in the cache key; elsewhere the cached copy comes back, which its ETag shows. Requests
 * signed by SigV4 go through distributions that do not cache: for those it changes nothing.
 * @throws ConfigurationError `CONFIG_INVALID` for a prefix that is no URL, `CONFIG_KEY_UNREADABLE`
 */
export function createCdnObjectReader(settings: CdnReaderSettings): ObjectReader {
  const url = splitUrl(settings.urlHostPre, 'cloudfront_url_host_pre');
  const connections = openConnections(url.origin, settings.pool);
  const replacements = settings.replaceKeyParts ?? {};
  const prove = createProof(settings, url);

  const get = async (read: ReadRequest, rawPath: string, proof: Proof): Promise<ObjectContent> => {
    const request: SourceRequest = {
      op: 'GetObject',
      source: url.origin + rawPath,
      throughCdn: true,
      forbiddenHint: LIST_BUCKET_HINT,
    };
    const bypass = read.bypassCache === true && settings.signing.kind !== 'sigv4';
    const query = [bypass ? `${BYPASS_PARAMETER}=${randomUUID()}` : '', proof.query]
      .filter((part) => part !== '')
      .join('&');
    const target = query === '' ? rawPath : `${rawPath}?${query}`;
    checkUrlLength(url.origin.length + target.length, request);
    return getObject({ connections, rawPath: target, headers: proof.headers, read, request });
  };

  return {
    async read(read) {
      const rawPath = cdnPath(settings.urlHostPre, read.key, replacements);
      const proof = await prove.first(rawPath, read.signal);
      try {
        return await get(read, rawPath, proof);
      } catch (error) {
        if (!(error instanceof SourceError) || error.code !== 'SOURCE_SIGNATURE_REJECTED') throw error;
        const another = prove.afterRejection(proof);
        if (another === undefined) throw error;
        return get(read, rawPath, another);
      }
    },
    close: () => connections.close(),
  };
}

interface ProofSource {
  first(rawPath: string, signal: AbortSignal): Promise<Proof>;
  /** What to try once instead of a refused proof, where that can help. */
  afterRejection(rejected: Proof): Proof | undefined;
}

function createProof(settings: CdnReaderSettings, url: SplitUrl): ProofSource {
  const { signing } = settings;
  switch (signing.kind) {
    case 'none':
      return { first: () => Promise.resolve({ query: '', headers: {} }), afterRejection: () => undefined };
    case 'signed': {
      // As CloudFront sees it: viewers leave the scheme's own port out of the Host header.
      const urlPrefix = `${url.scheme}://${url.host}${url.path === '' ? '/' : url.path}`;
      return policyProof(createCdnPolicySigner({ ...signing, urlPrefix, now: settings.now }));
    }
    case 'sigv4': {
      const { endpoint } = signing;
      const sign = createSigV4Signer(endpoint.region, signing.credentials);
      return {
        first: async (rawPath, signal) => ({
          query: '',
          headers: await sign({ method: 'GET', host: endpoint.host, rawPath: endpoint.basePath + rawPath, signal }),
        }),
        afterRejection: () => undefined,
      };
    }
  }
}

function policyProof(signer: CdnPolicySigner): ProofSource {
  return {
    first: () => Promise.resolve({ query: signer.query(), headers: {} }),
    afterRejection(rejected) {
      const query = signer.renewRejected(rejected.query);
      return query === undefined ? undefined : { query, headers: {} };
    },
  };
}

/** Path and query are ASCII: characters are bytes. */
function checkUrlLength(bytes: number, request: SourceRequest): void {
  if (bytes <= MAX_URL_BYTES) return;
  throw new SourceError(
    'SOURCE_REJECTED',
    `${request.op} ${request.source}: the URL has ${bytes} bytes, CloudFront takes ${MAX_URL_BYTES}`,
    { op: request.op, source: request.source },
  );
}
