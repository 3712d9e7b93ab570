import { MAX_COMPOSE_PARTS } from '@object-transfer/core/ports/object-destination';
import type { ByteRange } from '@object-transfer/core/ports/object-source';

/** Cuts an object into consecutive ranges of `partSizeBytes`; only the last may be shorter. */
export function planParts(sizeBytes: number, partSizeBytes: number): readonly ByteRange[] {
  const parts: ByteRange[] = [];
  for (let start = 0; start < sizeBytes; start += partSizeBytes) {
    parts.push({ start, end: Math.min(start + partSizeBytes, sizeBytes) - 1 });
  }
  return parts;
}

/** Cuts a list into consecutive groups of at most {@link MAX_COMPOSE_PARTS}. */
export function composeGroups<T>(parts: readonly T[]): readonly (readonly T[])[] {
  const groups: T[][] = [];
  for (let i = 0; i < parts.length; i += MAX_COMPOSE_PARTS) groups.push(parts.slice(i, i + MAX_COMPOSE_PARTS));
  return groups;
}
