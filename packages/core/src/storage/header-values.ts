/** Response headers as undici hands them out: names in lower case, values as the bytes' Latin-1 characters. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A header's value as text: bytes beyond ASCII are read as UTF-8 where they are valid UTF-8, and as Latin-1 otherwise.
 * A header that came several times is joined with commas.
 */
export function headerText(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  const raw = typeof value === 'string' ? value : value.join(',');
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(raw) ? raw : (decodeUtf8(Buffer.from(raw, 'latin1')) ?? raw);
}

/** @returns `undefined` where the bytes are no valid UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // TextDecoder has no other way to say that the bytes are not UTF-8.
    return undefined;
  }
}

/** A header that holds a non-negative whole number. */
export function headerInteger(headers: ResponseHeaders, name: string): number | undefined {
  const value = headers[name];
  if (typeof value !== 'string' || !/^\d+$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A header that holds an HTTP date. */
export function headerDate(headers: ResponseHeaders, name: string): Date | undefined {
  const value = headers[name];
  if (typeof value !== 'string') return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
