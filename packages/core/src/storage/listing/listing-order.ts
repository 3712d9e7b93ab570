import { compareUtf8 } from '../../domain/key-mapping.ts';

/**
 * Checks that names carry the prefix asked for and rise strictly in UTF-8 byte order.
 * @param after the last name before these, of the same kind; `undefined` at the beginning
 * @returns what is wrong, or `undefined`
 */
export function listingDisorder(
  names: Iterable<string>,
  prefix: string,
  after: string | undefined,
): string | undefined {
  let first: string | undefined;
  let previous = after;
  let isPlain = previous === undefined || !SURROGATES.test(previous);
  for (const name of names) {
    const wasPlain = isPlain;
    isPlain = !SURROGATES.test(name);
    if (previous !== undefined) {
      // Without surrogates UTF-16 sorts as UTF-8 does: 25 ns in place of 60 to 250, by the length of what both have in common.
      const rises = wasPlain && isPlain ? previous < name : compareUtf8(previous, name) < 0;
      if (!rises) return `${JSON.stringify(name)} comes after ${JSON.stringify(previous)}`;
    }
    first ??= name;
    previous = name;
  }
  // What lies between two names of the prefix, in order, is of the prefix too.
  for (const name of [first, first === undefined ? undefined : previous]) {
    if (name?.startsWith(prefix) === false)
      return `${JSON.stringify(name)} does not begin with ${JSON.stringify(prefix)}`;
  }
  return undefined;
}

const SURROGATES = /[\uD800-\uDFFF]/;
