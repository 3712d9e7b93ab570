import { isNamelessRootMarker, subfolderPrefix } from '@object-transfer/core/domain/key-mapping';
import { type CheckFigures, NO_FIGURES } from '@object-transfer/core/domain/subfolder';
import type { CompareContext } from './compare-subfolder.ts';

/**
 * What the reference tool's sync check does: the sum of the sizes on either side, and nothing else. It cannot see an
 * object that was exchanged for another of the same size, nor one of no bytes, nor two errors that make up for each other.
 * The counts stay 0, as in rows of the reference tool: a row that is equal by its sizes alone shows that.
 * @throws SourceError or DestinationError of the listing that could not be completed
 */
export async function compareSizes(
  context: Pick<CompareContext, 'mapping' | 'lister' | 'destination' | 'filter'>,
  dirKey: string,
  signal: AbortSignal,
): Promise<CheckFigures> {
  const { mapping } = context;
  const delimiter = dirKey === '' ? '/' : undefined;
  const leaving = new AbortController();
  const either = AbortSignal.any([signal, leaving.signal]);
  try {
    const [s3SizeBytes, gcsSizeBytes] = await Promise.all([
      sumOf(
        context.lister.listObjects({ prefix: subfolderPrefix(mapping, dirKey), delimiter, signal: either }),
        (object) => context.filter(object) && !isNamelessRootMarker(mapping, object),
      ),
      sumOf(
        context.destination.listObjects({ prefix: mapping.gcsRootPrefix + dirKey, delimiter, signal: either }),
        () => true,
      ),
    ]);
    return { ...NO_FIGURES, s3SizeBytes, gcsSizeBytes };
  } finally {
    // Where one listing failed, nobody has a use for the rest of the other.
    leaving.abort();
  }
}

async function sumOf<T extends { readonly sizeBytes: number }>(
  pages: AsyncIterable<{ readonly objects: readonly T[] }>,
  counts: (object: T) => boolean,
): Promise<number> {
  let bytes = 0;
  for await (const { objects } of pages) for (const object of objects) if (counts(object)) bytes += object.sizeBytes;
  return bytes;
}
