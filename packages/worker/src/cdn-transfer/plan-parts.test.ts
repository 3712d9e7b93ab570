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
