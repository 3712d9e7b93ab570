import { MAX_COMPOSE_PARTS } from '@object-transfer/core/ports/object-destination';
import type { ByteRange } from '@object-transfer/core/ports/object-source';

/** So many are composed in two rounds. */
const MAX_PARTS = MAX_COMPOSE_PARTS ** 2;

/**
 * Cuts an object into consecutive ranges of at least `partSizeBytes`, at most {@link MAX_PARTS} of them; all are of the same size
 * but for the last, which may be shorter.
 */
export function planParts(sizeBytes: number, partSizeBytes: number): readonly ByteRange[] {
  const size = Math.max(partSizeBytes, Math.ceil(sizeBytes / MAX_PARTS));
  const parts: ByteRange[] = [];
  for (let start = 0; start < sizeBytes; start += size) {
    parts.push({ start, end: Math.min(start + size, sizeBytes) - 1 });
  }
  return parts;
}

/** Cuts a list into consecutive groups of at most {@link MAX_COMPOSE_PARTS}. */
export function composeGroups<T>(parts: readonly T[]): readonly (readonly T[])[] {
  const groups: T[][] = [];
  for (let i = 0; i < parts.length; i += MAX_COMPOSE_PARTS) groups.push(parts.slice(i, i + MAX_COMPOSE_PARTS));
  return groups;
}
