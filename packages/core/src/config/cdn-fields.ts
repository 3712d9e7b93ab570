import { cdnUrlPrefix, warnOfMissingSlash } from './cdn-schemas.ts';
import { field } from './field.ts';
import { secretId } from './google-schemas.ts';
import { choice, flag, secondsAsMs, text, textMap, word } from './value-schemas.ts';

const CDN_AUTH_KINDS = ['none', 'signed', 'sigv4'] as const;
export type CdnAuthKind = (typeof CDN_AUTH_KINDS)[number];

const SIGNER_HASH_ALGORITHMS = ['sha1', 'sha256'] as const;
export type SignerHashAlgorithm = (typeof SIGNER_HASH_ALGORITHMS)[number];

/** How the objects are fetched. */
export const CDN_FIELDS = {
  cloudfrontUrlHostPre: field({
    name: 'cloudfront_url_host_pre',
    description: 'CloudFront URL that keys are appended to, such as https://d111111abcdef8.cloudfront.net/',
    valueName: 'url',
    schema: cdnUrlPrefix,
    warn: warnOfMissingSlash,
  }),
  replaceKeyParts: field({
    name: 'replace_key_parts',
    description:
      'map of substrings of the key to what replaces them in the CDN URL, as JSON; GCS names stay as they are',
    valueName: 'json',
    schema: textMap,
    default: '{}',
    noneIsLeftOut: true,
  }),
  cdnAuth: field({
    name: 'cdn_auth',
    description: 'how CDN requests are authorised: none, signed (URLs) or sigv4; default: signed where a key is given',
    valueName: 'kind',
    schema: choice(CDN_AUTH_KINDS),
  }),
  urlSignerPrivateKeySecretId: field({
    name: 'url_signer_private_key_secret_id',
    description: 'secret that holds the private key for signed URLs',
    valueName: 'id',
    schema: secretId,
    noneIsLeftOut: true,
  }),
  urlSignerPrivateKeyFile: field({
    name: 'url_signer_private_key_file',
    description: 'PEM file that holds the private key for signed URLs',
    valueName: 'file',
    schema: text,
  }),
  urlSignerKeyPairId: field({
    name: 'url_signer_key_pair_id',
    description: 'id of the CloudFront public key that belongs to the private key',
    valueName: 'id',
    schema: word,
    noneIsLeftOut: true,
  }),
  urlSignerHashAlgorithm: field({
    name: 'url_signer_hash_algorithm',
    description: 'hash of the URL signature: sha1 or sha256',
    valueName: 'hash',
    schema: choice(SIGNER_HASH_ALGORITHMS),
    default: 'sha1',
  }),
  signedUrlExpireMs: field({
    name: 'signed_url_expire_seconds',
    description: 'how long a URL signature holds; it is renewed well before',
    valueName: 'seconds',
    // The shorter, the more often it is renewed: below a minute renewing would be all that happens.
    schema: secondsAsMs(60, 366 * 24 * 3600),
    default: 7 * 24 * 3600,
  }),
  allowDirectS3: field({
    name: 'allow_direct_s3',
    description: 'read an object from S3 itself where the CDN keeps serving a stale or altered copy',
    valueName: 'true|false',
    schema: flag,
    default: true,
  }),
};
