import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from './compare-utf8.ts';

describe('compareUtf8', () => {
  it('orders any two names as their UTF-8 bytes are ordered', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '\uffee', '\ue000', '\ud7ff', '😀', '𐀀') });
    fc.assert(
      fc.property(name, name, (left, right) => {
        expect(Math.sign(compareUtf8(left, right))).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)));
      }),
    );
  });

  it('puts U+10000 and above after U+FFEE, where UTF-16 units say the opposite', () => {
    expect(['😀', '\uffee'].toSorted(compareUtf8)).toEqual(['\uffee', '😀']);
    expect(['😀', '\uffee'].toSorted()).toEqual(['😀', '\uffee']);
  });
});
