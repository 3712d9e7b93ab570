import { compareWithSource, type DestinationObject } from '@object-transfer/core/domain/destination-object';
import {
  destinationName,
  isNamelessRootMarker,
  subfolderPrefix,
  type KeyMappingSettings,
} from '@object-transfer/core/domain/key-mapping';
import { allowedName, type NamePolicy } from '@object-transfer/core/domain/object-name-rules';
import type { ObjectFilter } from '@object-transfer/core/domain/object-filter';
import type { SourceObject } from '@object-transfer/core/domain/source-object';
import { type CheckFigures, NO_FIGURES } from '@object-transfer/core/domain/subfolder';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import { DEFAULT_RETRY_POLICY, retry } from '@object-transfer/core/runtime/retry';
import { mergeListings } from './merge-listings.ts';

/**
 * Compares one subfolder object by object: both listings are walked in step, in the byte order of the names, so memory
 * does not depend on how many objects there are. Either listing failing fails the comparison; it is never read as empty.
 */
export interface CompareContext {
  readonly mapping: KeyMappingSettings;
  readonly lister: ObjectLister;
  readonly destination: ObjectDestination;
  readonly filter: ObjectFilter;
  readonly namePolicy: NamePolicy;
}

/** What is wrong with one object. `extra` is at the destination only and is no failure of the transfer. */
export type Difference =
  | { readonly kind: 'missing'; readonly source: SourceObject }
  | { readonly kind: 'different' | 'unproven'; readonly source: SourceObject; readonly found: DestinationObject }
  | { readonly kind: 'extra'; readonly found: DestinationObject };

/**
 * @param onDifference told each difference as it is found; the comparison waits for it
 * @throws SourceError or DestinationError of the listing that could not be completed
 */
export async function compareSubfolder(
  context: CompareContext,
  dirKey: string,
  onDifference: (difference: Difference) => void | Promise<void>,
  signal: AbortSignal,
): Promise<CheckFigures> {
  const { mapping } = context;
  const tally = new ComparisonTally(context.filter);
  const delimiter = dirKey === '' ? '/' : undefined;
  const sources = context.lister.listObjects({ prefix: subfolderPrefix(mapping, dirKey), delimiter, signal });
  const gcsPrefix = mapping.gcsRootPrefix + dirKey;
  const destinations = context.destination.listObjects({ prefix: gcsPrefix, delimiter, signal });
  // An object whose name GCS forbids lies elsewhere in the order, if anywhere: it is asked for by itself, at the end.
  // Until then nobody knows which objects without a counterpart are such renamed ones, so the policy `rename` has to
  // remember them all.
  const forbidden: SourceObject[] = [];
  const unmatched: DestinationObject[] = [];
  for await (const pairs of mergeListings(mapping, sources, destinations)) {
    for (const { source, found, isForbidden } of pairs) {
      let difference: Difference | undefined;
      if (source === undefined) {
        if (context.namePolicy === 'rename') unmatched.push(found);
        else difference = tally.addExtra(found);
      } else if (isForbidden) {
        if (!isNamelessRootMarker(mapping, source)) forbidden.push(source);
      } else {
        difference = tally.add(source, found);
      }
      if (difference !== undefined) await onDifference(difference);
    }
  }
  const renamed = new Set<string>();
  for (const source of forbidden) {
    const found = await findRenamed(context, source, signal);
    if (found !== undefined) renamed.add(found.name);
    const difference = tally.add(source, found);
    if (difference !== undefined) await onDifference(difference);
  }
  for (const found of unmatched) if (!renamed.has(found.name)) await onDifference(tally.addExtra(found));
  return tally.figures;
}

/** Counts one subfolder's objects and says what is wrong with each. */
class ComparisonTally {
  readonly figures: { -readonly [K in keyof CheckFigures]: CheckFigures[K] } = { ...NO_FIGURES };
  readonly #filter: ObjectFilter;

  constructor(filter: ObjectFilter) {
    this.#filter = filter;
  }

  /** What the filter leaves out counts on neither side. */
  add(source: SourceObject, found: DestinationObject | undefined): Difference | undefined {
    if (!this.#filter(source)) return undefined;
    this.figures.s3ObjectCount++;
    this.figures.s3SizeBytes += source.sizeBytes;
    if (found === undefined) {
      this.figures.missingCount++;
      return { kind: 'missing', source };
    }
    this.#countFound(found);
    const evidence = compareWithSource(source, found);
    if (evidence === 'equal') return undefined;
    if (evidence === 'unproven') this.figures.unprovenCount++;
    else this.figures.mismatchedCount++;
    return { kind: evidence, source, found };
  }

  addExtra(found: DestinationObject): Difference {
    this.#countFound(found);
    this.figures.extraCount++;
    return { kind: 'extra', found };
  }

  #countFound(found: DestinationObject): void {
    this.figures.gcsObjectCount++;
    this.figures.gcsSizeBytes += found.sizeBytes;
  }
}

async function findRenamed(
  context: CompareContext,
  source: SourceObject,
  signal: AbortSignal,
): Promise<DestinationObject | undefined> {
  const wanted = destinationName(context.mapping, source.key);
  // The root's own folder marker has no name at all, and no policy gives it one: it is missing.
  if (context.namePolicy === 'fail' || wanted === '') return undefined;
  const { name } = allowedName(wanted, 'rename', source.key);
  return retry(DEFAULT_RETRY_POLICY, { signal }, () => context.destination.stat(name, signal));
}
