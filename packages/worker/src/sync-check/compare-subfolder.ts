import { compareWithSource, type DestinationObject } from '@object-transfer/core/domain/destination-object';
import {
  compareUtf8,
  destinationName,
  subfolderPrefix,
  type KeyMappingSettings,
} from '@object-transfer/core/domain/key-mapping';
import { allowedName, nameViolation, type NamePolicy } from '@object-transfer/core/domain/object-name-rules';
import type { ObjectFilter } from '@object-transfer/core/domain/object-filter';
import type { SourceObject } from '@object-transfer/core/domain/source-object';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import { DEFAULT_RETRY_POLICY, retry } from '@object-transfer/core/runtime/retry';

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
 * @param onDifference told each difference as it is found
 * @throws SourceError or DestinationError of the listing that could not be completed
 */
export async function compareSubfolder(
  context: CompareContext,
  dirKey: string,
  onDifference: (difference: Difference) => void,
  signal: AbortSignal,
): Promise<CheckFigures> {
  const { mapping } = context;
  const prefix = subfolderPrefix(mapping, dirKey);
  const delimiter = dirKey === '' ? '/' : undefined;
  const figures = {
    s3SizeBytes: 0,
    gcsSizeBytes: 0,
    s3ObjectCount: 0,
    gcsObjectCount: 0,
    missingCount: 0,
    mismatchedCount: 0,
    extraCount: 0,
  };
  const judge = (source: SourceObject, found: DestinationObject | undefined) => {
    if (!context.filter(source)) return;
    figures.s3ObjectCount++;
    figures.s3SizeBytes += source.sizeBytes;
    if (found === undefined) {
      figures.missingCount++;
      onDifference({ kind: 'missing', source });
      return;
    }
    figures.gcsObjectCount++;
    figures.gcsSizeBytes += found.sizeBytes;
    const evidence = compareWithSource(source, found);
    if (evidence === 'equal') return;
    figures.mismatchedCount++;
    onDifference({ kind: evidence, source, found });
  };
  const judgeExtra = (found: DestinationObject) => {
    figures.gcsObjectCount++;
    figures.gcsSizeBytes += found.sizeBytes;
    figures.extraCount++;
    onDifference({ kind: 'extra', found });
  };

  const sources = eachObject(context.lister.listObjects({ prefix, delimiter, signal }));
  const gcsPrefix = mapping.gcsRootPrefix + dirKey;
  const destinations = eachObject(context.destination.listObjects({ prefix: gcsPrefix, delimiter, signal }));
  // An object whose name GCS forbids lies elsewhere in the order, if anywhere: it is asked for by itself, at the end.
  // Until then nobody knows which objects without a counterpart are such renamed ones, so the policy `rename` has to
  // remember them all.
  const forbidden: SourceObject[] = [];
  const unmatched: DestinationObject[] = [];
  try {
    let source = await sources.next();
    let found = await destinations.next();
    while (source.done !== true || found.done !== true) {
      if (source.done !== true) {
        const name = destinationName(mapping, source.value.key);
        if (nameViolation(name) !== undefined) {
          forbidden.push(source.value);
          source = await sources.next();
          continue;
        }
        const order = found.done === true ? -1 : compareUtf8(name, found.value.name);
        if (order <= 0) {
          judge(source.value, order === 0 && found.done !== true ? found.value : undefined);
          source = await sources.next();
          if (order === 0) found = await destinations.next();
          continue;
        }
      }
      if (found.done !== true) {
        if (context.namePolicy === 'rename') unmatched.push(found.value);
        else judgeExtra(found.value);
        found = await destinations.next();
      }
    }
  } finally {
    await Promise.allSettled([sources.return(undefined), destinations.return(undefined)]);
  }
  const renamed = new Set<string>();
  for (const source of forbidden) {
    const found = await findRenamed(context, source, signal);
    if (found !== undefined) renamed.add(found.name);
    judge(source, found);
  }
  for (const found of unmatched) if (!renamed.has(found.name)) judgeExtra(found);
  return figures;
}

async function findRenamed(
  context: CompareContext,
  source: SourceObject,
  signal: AbortSignal,
): Promise<DestinationObject | undefined> {
  if (context.namePolicy === 'fail') return undefined;
  const { name } = allowedName(destinationName(context.mapping, source.key), 'rename', source.key);
  return retry(DEFAULT_RETRY_POLICY, { signal }, () => context.destination.stat(name, signal));
}

async function* eachObject<T>(
  pages: AsyncIterable<{ readonly objects: readonly T[] }>,
): AsyncGenerator<T, void, undefined> {
  for await (const page of pages) yield* page.objects;
}
