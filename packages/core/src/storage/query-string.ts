/** Percent-encodes everything but the unreserved characters of RFC 3986, as SigV4 does in queries; the slash too. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `a=1&b=2`; parameters that are `undefined` are left out. */
export function queryString(parameters: Readonly<Record<string, string | undefined>>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) parts.push(`${encodeStrictly(name)}=${encodeStrictly(value)}`);
  }
  return parts.join('&');
}
