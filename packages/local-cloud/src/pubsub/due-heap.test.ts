import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { DueHeap, type DueItem } from './due-heap.ts';

const item = (): DueItem => ({ dueAt: 0, heapIndex: -1 });

it('gives items by time, none before its time', () => {
  const heap = new DueHeap();
  const [first, second] = [item(), item()];
  heap.set(second, 20);
  heap.set(first, 10);
  expect(heap.nextDueAt).toBe(10);
  expect(heap.takeDue(9)).toBeUndefined();
  expect(heap.takeDue(10)).toBe(first);
  expect(heap.takeDue(19)).toBeUndefined();
  expect(heap.takeDue(1000)).toBe(second);
  expect(heap.takeDue(1000)).toBeUndefined();
  expect(heap.nextDueAt).toBeUndefined();
});

it('agrees with a sorted list, whatever is set, moved and removed', () => {
  const step = fc.record({ which: fc.nat(30), dueAt: fc.nat(50), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new DueHeap();
      const items = Array.from({ length: 31 }, item);
      const model = new Map<DueItem, number>();
      for (const { which, dueAt, remove } of steps) {
        const chosen = items[which];
        if (chosen === undefined) continue;
        if (remove) {
          heap.delete(chosen);
          model.delete(chosen);
        } else {
          heap.set(chosen, dueAt);
          model.set(chosen, dueAt);
        }
        expect(heap.size).toBe(model.size);
        expect(heap.nextDueAt).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
      const order: number[] = [];
      for (let taken = heap.takeDue(50); taken !== undefined; taken = heap.takeDue(50)) order.push(taken.dueAt);
      expect(order).toEqual([...model.values()].toSorted((a, b) => a - b));
    }),
  );
});
