import type { IncomingMessage } from 'node:http';

/** A ListObjectsV2 of the source, of this prefix where one is given. */
export function isList({ method, url = '' }: IncomingMessage, prefix?: string): boolean {
  const query = new URLSearchParams(url.split('?')[1]);
  return method === 'GET' && query.has('list-type') && (prefix === undefined || query.get('prefix') === prefix);
}

/** A ListObjectsV2 of a page after the first. */
export function isNextPage(request: IncomingMessage, prefix: string): boolean {
  return isList(request, prefix) && request.url?.includes('continuation-token=') === true;
}
