import { getSignedCookies } from '@aws-sdk/cloudfront-signer';
import { checkCdnSigningKey, type CdnSigningKeySettings } from './cdn-signing-key.ts';

/**
 * One custom policy on `<prefix>*` is signed and its query reused for every object: signing each URL would cost more
 * than the rest of a small object's transfer. The query is renewed when four fifths of its life are over, by whichever of the
 * host's clocks says so: one of them may be set back, the other stands still while a host is suspended. It is renewed once more
 * ahead of that when CloudFront refuses it ({@link CdnPolicySigner.renewRejected}).
 */
export interface CdnPolicySigner {
  /** `Policy=…&Signature=…&Key-Pair-Id=…` for any URL under the prefix. A secret: it opens every object. */
  query(): string;
  /**
   * To be called when CloudFront refused a query: signs anew where that can help.
   * @returns the query to try instead; `undefined` where the refused one was fresh, so that another would fare no better
   */
  renewRejected(rejected: string): string | undefined;
}

export interface CdnPolicySettings extends CdnSigningKeySettings {
  /** Origin and path that every URL begins with; the policy is for this followed by `*`. */
  readonly urlPrefix: string;
  readonly lifetimeMs: number;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  /** Milliseconds since any moment, by a clock that nobody sets; default `performance.now`. */
  readonly monotonicNow?: (() => number) | undefined;
}

const RENEW_AT_SHARE_OF_LIFE = 0.8;
/** A query refused sooner than this after it was signed is refused for another reason than its age. */
const FRESH_MS = 60_000;

/** @throws ConfigurationError `CONFIG_KEY_UNREADABLE` */
export function createCdnPolicySigner(settings: CdnPolicySettings): CdnPolicySigner {
  checkCdnSigningKey(settings);
  const { now = Date.now, monotonicNow = () => performance.now() } = settings;
  const sign = () => ({ query: signPolicy(settings, now()), atMs: now(), atMonotonicMs: monotonicNow() });
  let signed = sign();
  const renew = (): string => {
    signed = sign();
    return signed.query;
  };
  const ageMs = (): number => Math.max(now() - signed.atMs, monotonicNow() - signed.atMonotonicMs);
  return {
    query() {
      return ageMs() >= settings.lifetimeMs * RENEW_AT_SHARE_OF_LIFE ? renew() : signed.query;
    },
    renewRejected(rejected) {
      // Another request has renewed it in the meantime.
      if (rejected !== signed.query) return signed.query;
      return ageMs() < FRESH_MS ? undefined : renew();
    },
  };
}

/** @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html */
function signPolicy(settings: CdnPolicySettings, nowMs: number): string {
  const expiresAt = Math.floor((nowMs + settings.lifetimeMs) / 1000);
  const policy = JSON.stringify({
    Statement: [{ Resource: `${settings.urlPrefix}*`, Condition: { DateLessThan: { 'AWS:EpochTime': expiresAt } } }],
  });
  const sha256 = settings.hashAlgorithm === 'sha256';
  // The values that cookies and queries take are the same; the URL variant would rewrite the URL.
  const cookies = getSignedCookies({
    policy,
    keyPairId: settings.keyPairId,
    privateKey: settings.privateKey,
    algorithm: sha256 ? 'SHA256' : 'SHA1',
    ...(settings.passphrase === undefined ? {} : { passphrase: settings.passphrase }),
  });
  const query = `Policy=${cookies['CloudFront-Policy'] ?? ''}&Signature=${cookies['CloudFront-Signature']}&Key-Pair-Id=${cookies['CloudFront-Key-Pair-Id']}`;
  return sha256 ? `${query}&Hash-Algorithm=SHA256` : query;
}
