import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_COMPOSE_PARTS } from '@object-transfer/core/ports/object-destination';
import { composeGroups, planParts } from './plan-parts.ts';

test('parts cover the object once, in order, and only the last may be shorter', () => {
  fc.assert(
    fc.property(fc.nat({ max: 10_000 }), fc.integer({ min: 1, max: 500 }), (sizeBytes, partSizeBytes) => {
      const parts = planParts(sizeBytes, partSizeBytes);
      const [first = { start: 0, end: -1 }] = parts;
      const size = first.end + 1;
      let next = 0;
      for (const { start, end } of parts) {
        expect(start).toBe(next);
        next = end + 1;
        expect(next === sizeBytes || next - start === size).toBe(true);
      }
      expect(next).toBe(sizeBytes);
      expect(parts.length).toBeLessThanOrEqual(MAX_COMPOSE_PARTS ** 2);
      // Larger parts than asked for only where there would be too many.
      const fit = sizeBytes <= partSizeBytes * MAX_COMPOSE_PARTS ** 2;
      expect(parts.length).toBe(Math.ceil(sizeBytes / (fit ? partSizeBytes : size)));
    }),
  );
});

test('parts cover objects of any size that a number holds, sizes around the limits included', () => {
  const most = MAX_COMPOSE_PARTS ** 2;
  const partSize = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 5 * 1024 ** 3 }));
  const around = fc.integer({ min: -2, max: 2 });
  const size = fc.oneof(
    fc.maxSafeNat().map((bytes) => () => bytes),
    fc.tuple(fc.integer({ min: 0, max: most + 1 }), around).map(
      ([n, off]) =>
        (part: number) =>
          n * part + off,
    ),
    fc.tuple(fc.constantFrom(5 * 1024 ** 4, 50 * 10 ** 12, 2 ** 32), around).map(
      ([n, off]) =>
        () =>
          n + off,
    ),
  );
  fc.assert(
    fc.property(partSize, size, (partSizeBytes, sizeOf) => {
      const sizeBytes = Math.max(0, sizeOf(partSizeBytes));
      const parts = planParts(sizeBytes, partSizeBytes);
      const lengths = parts.map(({ start, end }) => end - start + 1);
      expect(parts.map(({ start }) => start)).toEqual([0, ...parts.map(({ end }) => end + 1)].slice(0, parts.length));
      expect((parts.at(-1)?.end ?? -1) + 1).toBe(sizeBytes);
      expect(new Set(lengths.slice(0, -1)).size).toBeLessThanOrEqual(1);
      expect(lengths.slice(0, -1).every((length) => length >= partSizeBytes)).toBe(true);
      expect(lengths.every((length) => length > 0 && length <= (lengths[0] ?? 0))).toBe(true);
      expect(parts.length).toBeLessThanOrEqual(most);
      expect(composeGroups(composeGroups(parts)).length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});

test('the largest object of S3 is composed in two rounds', () => {
  const parts = planParts(5 * 1024 ** 4, 64 * 1024 ** 2);
  expect(parts).toHaveLength(1024);
  expect(composeGroups(composeGroups(parts))).toHaveLength(1);
});

test('groups hold everything, in order, and no more than one compose takes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 200 }), (parts) => {
      const groups = composeGroups(parts);
      expect(groups.flat()).toEqual(parts);
      for (const group of groups) {
        expect(group.length).toBeGreaterThan(0);
        expect(group.length).toBeLessThanOrEqual(MAX_COMPOSE_PARTS);
      }
      expect(groups).toHaveLength(Math.ceil(parts.length / MAX_COMPOSE_PARTS));
    }),
  );
});
