import { compareUtf8 } from '../domain/key-mapping.ts';

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
  let previous = after;
  for (const name of names) {
    if (!name.startsWith(prefix)) return `${JSON.stringify(name)} does not begin with ${JSON.stringify(prefix)}`;
    if (previous !== undefined && compareUtf8(previous, name) >= 0) {
      return `${JSON.stringify(name)} comes after ${JSON.stringify(previous)}`;
    }
    previous = name;
  }
  return undefined;
}
