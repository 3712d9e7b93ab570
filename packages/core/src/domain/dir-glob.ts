import { globMatcher } from './object-filter.ts';

/**
 * Tells the subfolders that any of the globs names. A glob is matched against the whole `dir_key`, whose last slash it may
 * leave out: `20??` and `20??/` are the same. `*` stays inside a path segment, `**` crosses them. The root's own row `''`
 * has no name, so no glob matches it.
 */
export function createDirMatcher(globs: readonly string[]): (dirKey: string) => boolean {
  const matches = globMatcher(globs.map(withoutLastSlash).filter((glob) => glob !== ''));
  return (dirKey) => dirKey !== '' && matches?.(withoutLastSlash(dirKey)) === true;
}

function withoutLastSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
