import type { HttpFault } from '../http-fault.ts';
import type { ProxiedRequest } from '../http-fault-proxy.ts';
import { pick, pickWeighted, randomFor } from './seeded-random.ts';
import { WITHOUT_MD5 } from './soak-source.ts';

export type Leg = 's3' | 'cdn' | 'gcs';

interface Candidate {
  readonly weight: number;
  /** Default: any request. */
  readonly suits?: (request: ProxiedRequest) => boolean;
  /** @param sizeBytes of the object that is asked for; of others, some size */
  readonly make: (random: () => number, sizeBytes: number) => HttpFault;
}

/** Long enough to be noticed, short enough to happen often. */
const STALL_MS = 400;
/** Until the client gives up: a minute, or more. Few, as each keeps an object waiting. */
const SILENT_SHARE = 0.002;

const always = (fault: HttpFault) => (): HttpFault => fault;

/** What can happen to any exchange. */
const ANYWHERE: readonly Candidate[] = [
  { weight: 2, make: always({ kind: 'refuse' }) },
  { weight: 2, make: always({ kind: 'resetBeforeHead' }) },
  { weight: 2, make: always({ kind: 'resetInHead' }) },
  { weight: 2, make: always({ kind: 'resetInBody' }) },
  { weight: 1, make: always({ kind: 'garbage' }) },
  { weight: 1, make: (random) => ({ kind: 'stall', at: random() < 0.5 ? 'head' : 'body', releaseMs: STALL_MS }) },
  { weight: 1, make: always({ kind: 'trickle', pieces: 4, pieceBytes: 7, delayMs: 10 }) },
  { weight: 2, make: always({ kind: 'truncate', length: 'closed' }) },
];

const hasRange = ({ headers }: ProxiedRequest): boolean => headers.range !== undefined;
/** Where nothing but the connection vouches for the bytes, a byte that TLS let through wrongly cannot be seen. */
const hasMd5 = (request: ProxiedRequest): boolean => !WITHOUT_MD5.test(keyOf(request));
/** And not of the bucket: without that there would be nothing to begin with. */
const isOfObject = ({ target }: ProxiedRequest): boolean => target.startsWith('/upload/') || /\/o\/./.test(target);
/** Of either side. */
const isListing = ({ target }: ProxiedRequest): boolean => /[?&]prefix=/.test(target);
const isUploadOfContent = ({ target, headers }: ProxiedRequest): boolean =>
  target.startsWith('/upload/') && Number(headers['content-length'] ?? 0) > 8192;

const BY_LEG: Readonly<Record<Leg, readonly Candidate[]>> = {
  cdn: [
    ...ANYWHERE,
    { weight: 4, make: (random) => refusal('cloudfront', [403, 404, 408, 412, 416, 429, 500, 502, 503, 504], random) },
    { weight: 2, make: always({ kind: 'truncate', length: 'plausible' }) },
    { weight: 1, make: always({ kind: 'duplicate', length: 'longer' }) },
    { weight: 2, suits: hasMd5, make: always({ kind: 'duplicate', length: 'kept' }) },
    { weight: 4, suits: hasMd5, make: always({ kind: 'corrupt' }) },
    { weight: 1, make: always({ kind: 'lie', headers: { etag: '"0123456789abcdef0123456789abcdef"' } }) },
    { weight: 1, make: always({ kind: 'lie', headers: { etag: undefined } }) },
    { weight: 1, make: always({ kind: 'lie', headers: { 'content-length': '3' } }) },
    { weight: 4, suits: hasRange, make: always({ kind: 'wholeForRange' }) },
    { weight: 4, suits: hasRange, make: always({ kind: 'lie', headers: { 'content-range': 'bytes 1-2/3' } }) },
    { weight: 2, make: (random, sizeBytes) => staleCopy(sizeBytes, random) },
    // The ETag alone tells an older copy of the same size from the object, where no MD5 does.
    { weight: 8, suits: (request) => !hasMd5(request), make: (random, sizeBytes) => staleCopy(sizeBytes, random) },
    { weight: 2, make: always({ kind: 'compressed' }) },
    { weight: 1, make: always({ kind: 'answerTwice' }) },
  ],
  s3: [
    ...ANYWHERE,
    { weight: 4, make: (random) => refusal('s3', [408, 429, 500, 502, 503, 504], random) },
    { weight: 3, make: always({ kind: 'truncate', length: 'plausible' }) },
    { weight: 1, suits: isListing, make: always({ kind: 'status', status: 404, by: 'frontEnd' }) },
  ],
  gcs: [
    ...ANYWHERE,
    { weight: 5, make: (random) => refusal('gcs', [408, 429, 500, 502, 503, 504], random) },
    { weight: 4, make: always({ kind: 'loseAnswer' }) },
    { weight: 2, make: always({ kind: 'loseRequest' }) },
    { weight: 2, suits: isUploadOfContent, make: always({ kind: 'corruptRequest' }) },
    { weight: 2, make: always({ kind: 'truncate', length: 'plausible' }) },
    { weight: 1, make: always({ kind: 'duplicate', length: 'longer' }) },
    { weight: 1, make: always({ kind: 'compressed' }) },
    { weight: 2, suits: isOfObject, make: always({ kind: 'status', status: 412, by: 'gcs' }) },
    { weight: 1, suits: isListing, make: always({ kind: 'status', status: 404, by: 'frontEnd' }) },
    { weight: 1, suits: isOfObject, make: (random) => refusal('gcs', [403, 404, 416], random) },
  ],
};

function refusal(by: 's3' | 'cloudfront' | 'gcs', statuses: readonly number[], random: () => number): HttpFault {
  const retryAfter = random() < 0.2 ? { retryAfter: '1' } : {};
  return { kind: 'status', status: pick(statuses, random), by: random() < 0.2 ? 'frontEnd' : by, ...retryAfter };
}

function staleCopy(sizeBytes: number, random: () => number): HttpFault {
  return {
    kind: 'stale',
    etag: 'ffffffffffffffffffffffffffffffff',
    body: Buffer.alloc(sizeBytes, `older ${random()} `),
  };
}

/** Of a burst: requests of one leg, one after the other. */
const MAX_BURST = 12;
const BURST_SHARE = 0.1;

/**
 * Decides which exchanges are broken, and how: by the seed, the leg, the request and how often it has been made. Requests that look
 * alike, such as uploads of small objects, and bursts take what comes in the order in which the fleet's processes ask.
 */
export class HttpFaultPlan {
  readonly #seed: number;
  readonly #share: number;
  readonly #isSilent: boolean;
  readonly #counts = new Map<string, number>();
  readonly #bursts = new Map<Leg, { readonly fault: HttpFault; left: number }>();
  #injected = 0;
  /** No faults while false. */
  isOn = false;
  /** How large the object of a key is that the source has now. */
  sizeOf: (key: string) => number | undefined = () => undefined;

  /**
   * @param share of all requests, 0 to 1
   * @param isSilent whether some are left without an answer until the client gives up
   */
  constructor(seed: number, share: number, isSilent: boolean) {
    this.#seed = seed;
    this.#share = share;
    this.#isSilent = isSilent;
  }

  get injected(): number {
    return this.#injected;
  }

  choose(leg: Leg, request: ProxiedRequest): HttpFault | undefined {
    if (!this.isOn) return undefined;
    const burst = this.#bursts.get(leg);
    if (burst !== undefined && burst.left > 0) {
      burst.left--;
      this.#injected++;
      return burst.fault;
    }
    const what = `${leg} ${request.method} ${withoutIds(request.target)} ${request.headers['content-length'] ?? ''}`;
    const count = this.#counts.get(what) ?? 0;
    this.#counts.set(what, count + 1);
    const random = randomFor(this.#seed, what, count);
    if (random() >= this.#share) return undefined;
    this.#injected++;
    if (this.#isSilent && random() < SILENT_SHARE) return { kind: 'stall', at: random() < 0.5 ? 'head' : 'body' };
    const suitable = BY_LEG[leg].filter(({ suits }) => suits === undefined || suits(request));
    const sizeBytes = this.sizeOf(keyOf(request)) ?? 100;
    const fault = pickWeighted(suitable, random).make(random, sizeBytes);
    if (fault.kind === 'status' && random() < BURST_SHARE) {
      this.#bursts.set(leg, { fault, left: Math.ceil(random() * MAX_BURST) });
    }
    return fault;
  }
}

/** Of a request to the CDN. */
function keyOf({ target }: ProxiedRequest): string {
  return decodeURIComponent((target.split('?')[0] ?? '').slice(1));
}

/** Signatures, ids of sessions and parts, and generations are others each time. */
function withoutIds(target: string): string {
  return target
    .replace(
      /(?:Policy|Signature|Key-Pair-Id|upload_id|X-Amz-[A-Za-z]+|object-transfer-bypass|ifGenerationMatch)=[^&]*/g,
      '',
    )
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, '')
    .replace(/\.object-transfer-parts(?:%2F|\/)[^%/]+(?:%3A[^%/]+)*/g, 'parts');
}
