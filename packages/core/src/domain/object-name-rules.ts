import { createHash } from 'node:crypto';
import { DestinationError } from './errors.ts';

const MAX_NAME_BYTES = 1024;
const ACME_PREFIX = '.well-known/acme-challenge/';
const SHORT_HASH_DIGITS = 8;

export const NAME_POLICIES = ['fail', 'rename'] as const;
export type NamePolicy = (typeof NAME_POLICIES)[number];

/**
 * Why GCS would refuse a name, or `undefined` where it is allowed.
 * @see https://cloud.google.com/storage/docs/objects#naming
 */
export function nameViolation(name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (/[\r\n]/.test(name)) return 'the name holds a carriage return or line feed';
  if (name === '.' || name === '..') return `the name is ${JSON.stringify(name)}`;
  if (name.startsWith(ACME_PREFIX)) return `the name begins with ${JSON.stringify(ACME_PREFIX)}`;
  // A unit of UTF-16 takes three bytes at most: short names need no counting.
  const bytes = name.length * 3 > MAX_NAME_BYTES ? Buffer.byteLength(name) : 0;
  if (bytes > MAX_NAME_BYTES) return `the name has ${bytes} bytes, more than ${MAX_NAME_BYTES}`;
  return undefined;
}

export interface AllowedName {
  readonly name: string;
  /** True where the policy `rename` had to alter the name: a listing does not show it at the key's own place. */
  readonly renamed: boolean;
}

/**
 * The name under which an object may be written.
 * @throws DestinationError `DESTINATION_NAME_FORBIDDEN` where GCS forbids it and the policy is `fail`
 */
export function allowedName(name: string, policy: NamePolicy, key: string): AllowedName {
  const violation = nameViolation(name);
  if (violation === undefined) return { name, renamed: false };
  // An empty name has nothing that could be encoded.
  if (policy === 'fail' || name === '') {
    throw new DestinationError(
      'DESTINATION_NAME_FORBIDDEN',
      `GCS forbids the name of ${JSON.stringify(key)}: ${violation}`,
      {
        op: 'mapKey',
        source: key,
        destination: name,
      },
    );
  }
  return { name: renameForbidden(name), renamed: true };
}

/**
 * Percent-encodes what is forbidden and ends in a hash of the original: `a\nb` must not take the name of `a%0Ab`, which
 * is a key like any other. A name that is too long keeps its start and ends in all of the hash.
 */
function renameForbidden(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  let encoded = name.replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  if (encoded === '.' || encoded === '..') encoded = encoded.replaceAll('.', '%2E');
  if (encoded.startsWith(ACME_PREFIX)) encoded = `%2E${encoded.slice(1)}`;
  const renamed = `${encoded}~${hash.slice(0, SHORT_HASH_DIGITS)}`;
  if (Buffer.byteLength(renamed) <= MAX_NAME_BYTES) return renamed;
  // Cutting UTF-8 in the middle of a character yields a replacement character: drop it.
  const start = Buffer.from(encoded)
    .subarray(0, MAX_NAME_BYTES - hash.length - 4)
    .toString();
  return `${start.replace(/\uFFFD+$/, '')}~${hash}`;
}
