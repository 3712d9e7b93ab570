import { Pool } from 'undici';
import { ConfigurationError } from '../domain/errors.ts';
import { HttpConnection } from './http-connection.ts';

/** Bounds of the connections to one origin. */
export interface HttpPoolSettings {
  /** Largest number of connections; further requests wait for one. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** From the request to the last response header. While a body is being sent in pieces, each piece starts it anew. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of a response body. */
  readonly bodyTimeoutMs: number;
}

/** CloudFront asks its origin up to three times for 30 s each before it answers. */
export const DEFAULT_HTTP_POOL_SETTINGS: HttpPoolSettings = {
  connections: 256,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 100_000,
  bodyTimeoutMs: 60_000,
};

/**
 * Connections to one origin, kept alive. HTTP/1.1 only: one object per connection keeps a slow one from holding up the
 * others behind the same flow-control window.
 * @param origin scheme, host and port; no path
 */
export function createHttpPool(origin: string, settings: HttpPoolSettings): Pool {
  return new Pool(origin, {
    connections: settings.connections,
    connectTimeout: settings.connectTimeoutMs,
    headersTimeout: settings.headersTimeoutMs,
    bodyTimeout: settings.bodyTimeoutMs,
    pipelining: 1,
    allowH2: false,
    factory: (url, options) => new HttpConnection(url, options),
  });
}

export interface SplitUrl {
  readonly scheme: string;
  /** `https://host:port`. */
  readonly origin: string;
  /** Value of the `Host` header: without the port where it is the scheme's own. */
  readonly host: string;
  /** What follows the origin, untouched: empty, or with a leading slash. */
  readonly path: string;
}

/**
 * Splits an absolute URL without normalizing its path.
 * @throws ConfigurationError `CONFIG_INVALID` where it is no http(s) URL; the message names `setting`, not the value's query
 */
export function splitUrl(url: string, setting: string): SplitUrl {
  const match = /^(https?):\/\/([^/?#@\\\s]+)([!-~]*)$/i.exec(url);
  const [, scheme, authority, path] = match ?? [];
  const origin = `${scheme?.toLowerCase() ?? ''}://${authority ?? ''}`;
  if (scheme === undefined || path === undefined || /[?#]/.test(path) || !URL.canParse(origin)) {
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `${setting} must be an http or https URL without credentials or query, percent-encoded`,
    );
  }
  return { scheme: scheme.toLowerCase(), origin, host: new URL(origin).host, path };
}
