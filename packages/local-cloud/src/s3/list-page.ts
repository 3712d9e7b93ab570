import type { ContentStore, StoredObject } from '../content/content-store.ts';
import { firstAfterKey, firstAfterPrefix } from '../content/utf8-order.ts';

export interface ListRequest {
  readonly prefix: string;
  /** Empty: none. */
  readonly delimiter: string;
  /** The listing goes on behind this key or common prefix; empty: from the start. */
  readonly after: string;
  readonly maxKeys: number;
}

export interface ListPage {
  readonly objects: readonly { readonly key: string; readonly object: StoredObject }[];
  readonly commonPrefixes: readonly string[];
  /** The last key or common prefix of a page that others follow: `after` of the next. */
  readonly next: string | undefined;
}

/**
 * One page of a listing, in O(log n) for where it starts and for every common prefix, plus the keys on it. Common
 * prefixes count as keys.
 */
export async function listPage(store: ContentStore, request: ListRequest): Promise<ListPage> {
  const { prefix, delimiter, after, maxKeys } = request;
  const objects: { key: string; object: StoredObject }[] = [];
  const commonPrefixes: string[] = [];
  const from = startOf(request);
  if (maxKeys === 0 || from === undefined) return { objects, commonPrefixes, next: undefined };
  const cursor = store.cursor(from);
  let last = after;
  for (let key = cursor.key; key !== undefined && key.startsWith(prefix); key = cursor.key) {
    const full = objects.length + commonPrefixes.length >= maxKeys;
    if (full) return { objects, commonPrefixes, next: last };
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (cut >= 0) {
      last = key.slice(0, cut + delimiter.length);
      commonPrefixes.push(last);
      const behind = firstAfterPrefix(last);
      if (behind === undefined) break;
      cursor.seek(behind);
      continue;
    }
    const found = cursor.stat();
    // Most sources answer at once: a promise for every key would double the cost of a page.
    const object = found instanceof Promise ? await found : found;
    if (object !== undefined) {
      objects.push({ key, object });
      last = key;
    }
    cursor.advance();
  }
  return { objects, commonPrefixes, next: undefined };
}

/** The lowest key that may be on the page; `undefined` when there can be none. */
function startOf({ prefix, delimiter, after }: ListRequest): string | undefined {
  if (after === '') return prefix;
  const isCommonPrefix =
    delimiter !== '' &&
    after.startsWith(prefix) &&
    after.indexOf(delimiter, prefix.length) === after.length - delimiter.length &&
    after.length >= prefix.length + delimiter.length;
  const behind = isCommonPrefix ? firstAfterPrefix(after) : firstAfterKey(after);
  if (behind === undefined) return undefined;
  return Buffer.compare(Buffer.from(behind), Buffer.from(prefix)) > 0 ? behind : prefix;
}
