import type { IncomingHttpHeaders } from 'node:http';

const NOT_PASSED_ON: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-connection',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What the viewer gets of the origin's headers: all but those of the connection and the length; names and values in turn. */
export function passedHeaders(headers: IncomingHttpHeaders): string[] {
  const passed: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_PASSED_ON.has(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) passed.push(name, one);
  }
  return passed;
}

/**
 * How long an answer may be kept: what the origin says, else the default. `no-cache`, `no-store` and `private` forbid it.
 * @returns milliseconds
 */
export function lifetimeMs(cacheControl: string | undefined, defaultTtlMs: number): number {
  if (defaultTtlMs === 0 || cacheControl === undefined) return defaultTtlMs;
  if (/\b(?:no-cache|no-store|private)\b/i.test(cacheControl)) return 0;
  const seconds = /\bs-maxage=(\d{1,10})/i.exec(cacheControl)?.[1] ?? /\bmax-age=(\d{1,10})/i.exec(cacheControl)?.[1];
  return seconds === undefined ? defaultTtlMs : Number(seconds) * 1000;
}

const CONDITIONS: ReadonlySet<string> = new Set([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range',
]);

/** The viewer's range and conditions, for an origin that shall judge them; names and values in turn. */
export function conditionHeaders(headers: IncomingHttpHeaders): string[] {
  return pick(headers, (name) => CONDITIONS.has(name));
}

/** What a Signature Version 4 of the viewer needs to reach the origin; names and values in turn. */
export function signatureHeaders(headers: IncomingHttpHeaders): string[] {
  return pick(headers, (name) => name === 'authorization' || name.startsWith('x-amz-'));
}

function pick(headers: IncomingHttpHeaders, wanted: (name: string) => boolean): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    wanted(name) && value !== undefined ? [name, String(value)] : [],
  );
}
