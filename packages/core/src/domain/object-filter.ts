import picomatch from 'picomatch';
import type { SourceObject } from './source-object.ts';

/** What of the source takes part. Left-out fields let everything through. */
export interface ObjectFilterSettings {
  /** S3 storage classes, upper case; empty means every class. */
  readonly storageClasses: readonly string[];
  /** Only objects modified strictly before. */
  readonly lastModifiedBefore?: Date | undefined;
  /** Only objects modified at or after. */
  readonly lastModifiedAfter?: Date | undefined;
  /** Globs over the key without the root prefix; empty means everything. */
  readonly include: readonly string[];
  /** Globs over the key without the root prefix; wins over `include`. */
  readonly exclude: readonly string[];
}

const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/;
const DOT_SEGMENTS = /(?<=^|\/)\.\.?(?=\/|$)/g;

export type ObjectFilter = (object: SourceObject) => boolean;

/**
 * Builds the one filter that publishing and checking share, so that both sides of a comparison see the same objects.
 * Globs match the whole key below the root: `*` stays inside a path segment, `**` crosses them. Names with a leading
 * dot, `.` and `..`, and line feeds are like any other; a leading `!` does not negate.
 */
export function createObjectFilter(settings: ObjectFilterSettings, s3RootPrefix: string): ObjectFilter {
  const classes = new Set(settings.storageClasses);
  const before = settings.lastModifiedBefore?.getTime() ?? Number.POSITIVE_INFINITY;
  const after = settings.lastModifiedAfter?.getTime() ?? Number.NEGATIVE_INFINITY;
  const included = globMatcher(settings.include);
  const excluded = globMatcher(settings.exclude);
  return (object) => {
    if (classes.size > 0 && !classes.has(object.storageClass)) return false;
    const modified = object.lastModified.getTime();
    if (modified >= before || modified < after) return false;
    if (included === undefined && excluded === undefined) return true;
    const path = object.key.slice(s3RootPrefix.length);
    if (excluded?.(path) === true) return false;
    return included === undefined || included(path);
  };
}

/** @returns whether any of the globs matches a path; `undefined` where there are none */
export function globMatcher(globs: readonly string[]): ((path: string) => boolean) | undefined {
  if (globs.length === 0) return undefined;
  // `s`: the dots of the expressions match line feeds too. `nonegate`: one negated glob in a list would match nearly
  // every key.
  const matches = picomatch([...globs], { dot: true, strictSlashes: true, flags: 's', nonegate: true });
  // Wildcards refuse `.` and `..`, which are directories in a file system and ordinary names in a bucket: there the
  // segment is made an ordinary one.
  return (path) => matches(path) || (DOT_SEGMENT.test(path) && matches(path.replaceAll(DOT_SEGMENTS, '$&x')));
}
