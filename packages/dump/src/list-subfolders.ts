import type { ObjectLister } from '@object-transfer/core/ports/object-source';

/**
 * Lists the subfolders directly under a root, in UTF-8 byte order, page by page.
 * @param s3RootPrefix empty, or with a trailing slash
 * @returns names relative to the root, each with a slash at its end
 * @throws what the lister throws; the listing never ends early
 */
export async function* listSubfolders(
  lister: ObjectLister,
  s3RootPrefix: string,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  for await (const page of lister.listObjects({ prefix: s3RootPrefix, delimiter: '/', signal })) {
    yield page.commonPrefixes.map((prefix) => prefix.slice(s3RootPrefix.length));
  }
}
