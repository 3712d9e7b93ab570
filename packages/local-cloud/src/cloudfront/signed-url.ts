import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type AccessPolicy, allows, parsePolicy } from './access-policy.ts';
import { accessDenied, CloudFrontError } from './cloudfront-error.ts';

/** A URL as the viewer sent it, apart from what signs it. */
export interface SplitUrl {
  /** Without the question mark; empty when nothing is left. */
  readonly query: string;
  /** The parameters that CloudFront takes for itself, decoded. */
  readonly signing: ReadonlyMap<string, string>;
}

const SIGNING_PARAMETERS: ReadonlySet<string> = new Set([
  'Expires',
  'Policy',
  'Signature',
  'Key-Pair-Id',
  'Hash-Algorithm',
]);
const NOTHING: ReadonlyMap<string, string> = new Map();
const MAX_KNOWN_POLICIES = 1000;

/** Takes the signing parameters out of a raw query. The others stay as they are, in their order. */
export function splitQuery(rawQuery: string): SplitUrl {
  if (rawQuery === '') return { query: '', signing: NOTHING };
  const signing = new Map<string, string>();
  const rest = rawQuery.split('&').filter((pair) => {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (!SIGNING_PARAMETERS.has(name)) return true;
    signing.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)));
    return false;
  });
  return { query: rest.join('&'), signing };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw accessDenied();
  }
}

/**
 * Verifies signed URLs with canned and custom policies, made with RSA or EC keys
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html).
 */
export class SignedUrlVerifier {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  /** Policies whose signature was right: one is used for very many objects. */
  readonly #verified = new Map<string, AccessPolicy>();

  /**
   * @param publicKeys PEM by key pair id
   * @throws the error of `node:crypto` when one is not a public key
   */
  constructor(publicKeys: Readonly<Record<string, string>>) {
    this.#keys = new Map(Object.entries(publicKeys).map(([id, pem]) => [id, createPublicKey(pem)]));
  }

  /**
   * @param url as the viewer sent it, without the signing parameters
   * @throws CloudFrontError MissingKey, InvalidKey, MalformedPolicy, AccessDenied
   */
  verify(
    url: string,
    signing: ReadonlyMap<string, string>,
    viewer: { readonly ip: string; readonly nowMs: number },
  ): void {
    const keyPairId = signing.get('Key-Pair-Id');
    if (keyPairId === undefined) {
      throw new CloudFrontError(403, 'MissingKey', 'Missing Key-Pair-Id query parameter or cookie value');
    }
    const key = this.#keys.get(keyPairId);
    if (key === undefined) throw new CloudFrontError(403, 'InvalidKey', 'Unknown Key');
    const document = policyDocument(url, signing);
    const signature = signing.get('Signature');
    if (signature === undefined || document === undefined) throw accessDenied();
    const algorithm = signing.get('Hash-Algorithm') === 'SHA256' ? 'sha256' : 'sha1';
    const policy = this.#verifyDocument(document, signature, keyPairId, key, algorithm);
    if (!allows(policy, { url, ...viewer })) throw accessDenied();
  }

  #verifyDocument(
    document: string,
    signature: string,
    keyPairId: string,
    key: KeyObject,
    algorithm: string,
  ): AccessPolicy {
    const name = `${keyPairId}\n${algorithm}\n${signature}\n${document}`;
    const known = this.#verified.get(name);
    if (known !== undefined) return known;
    if (!verify(algorithm, Buffer.from(document), key, fromUrlSafe(signature))) throw accessDenied();
    const policy = parsePolicy(document);
    if (this.#verified.size >= MAX_KNOWN_POLICIES) this.#verified.clear();
    this.#verified.set(name, policy);
    return policy;
  }
}

/** What was signed: the custom policy that came along, or the canned one that both sides put together. */
function policyDocument(url: string, signing: ReadonlyMap<string, string>): string | undefined {
  const custom = signing.get('Policy');
  if (custom !== undefined) return fromUrlSafe(custom).toString('utf8');
  const expires = signing.get('Expires');
  if (expires === undefined || !/^\d{1,12}$/.test(expires)) return undefined;
  return `{"Statement":[{"Resource":${JSON.stringify(url)},"Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
}

function fromUrlSafe(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/'), 'base64');
}
