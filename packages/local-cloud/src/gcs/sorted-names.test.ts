import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../content/utf8-order.ts';
import { SortedNames } from './sorted-names.ts';

const all = (names: SortedNames): string[] => [...names.from(() => false)];

describe('SortedNames', () => {
  it('holds what was added and not deleted, once and in order', () => {
    const step = fc.record({
      name: fc.string({ unit: fc.constantFrom('a', 'b', '\uffee', '😀'), maxLength: 3 }),
      add: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const names = new SortedNames();
        const model = new Set<string>();
        for (const { name, add } of steps) {
          if (add) names.add(name);
          else names.delete(name);
          if (add) model.add(name);
          else model.delete(name);
        }
        expect(all(names)).toEqual([...model].toSorted(compareUtf8));
        expect(names.size).toBe(model.size);
      }),
    );
  });

  it.each([
    ['ascending', (index: number) => index],
    ['descending', (index: number) => 20_000 - index],
    ['scattered', (index: number) => (index * 7_919) % 20_011],
  ])('keeps its order over many blocks when names arrive %s', (_order, number) => {
    const names = new SortedNames();
    const expected: string[] = [];
    for (let index = 0; index < 20_000; index++) {
      const name = `name-${String(number(index)).padStart(6, '0')}`;
      names.add(name);
      expected.push(name);
    }
    expected.sort();
    expect(all(names)).toEqual(expected);
    const middle = expected[12_345] ?? '';
    expect(names.from((name) => name < middle).next().value).toBe(middle);
    for (const name of expected) names.delete(name);
    expect(all(names)).toEqual([]);
    names.add('again');
    expect(all(names)).toEqual(['again']);
  });

  it('yields nothing past the last name', () => {
    const names = new SortedNames();
    names.add('a');
    expect([...names.from(() => true)]).toEqual([]);
  });
});
