import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8, firstAfterKey, firstAfterPrefix } from './utf8-order.ts';

const text = fc.string({ unit: 'binary', maxLength: 6 });
const bytes = (value: string) => Buffer.from(value, 'utf8');

describe('the order of UTF-8 bytes', () => {
  it('puts an emoji behind the private use area', () => {
    expect(['\u{1f600}', '\uffff', '\ue000', '\ud7ff'].toSorted(compareUtf8)).toEqual([
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{1f600}',
    ]);
  });

  it('is the order of the encoded bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(bytes(a), bytes(b)));
      }),
    );
  });

  it('knows what comes right behind a prefix', () => {
    fc.assert(
      fc.property(text, text, (prefix, rest) => {
        const behind = firstAfterPrefix(prefix);
        expect(behind === undefined || compareUtf8(prefix + rest, behind) < 0).toBe(true);
      }),
    );
    expect(firstAfterPrefix('a/')).toBe('a0');
    expect(firstAfterPrefix('a\ud7ff')).toBe('a\ue000');
    expect(firstAfterPrefix('a\u{10ffff}')).toBe('b');
    expect(firstAfterPrefix('\u{10ffff}')).toBeUndefined();
    expect(firstAfterPrefix('')).toBeUndefined();
  });

  it('knows what comes right behind a key', () => {
    expect(compareUtf8('a', firstAfterKey('a'))).toBeLessThan(0);
    expect(compareUtf8(firstAfterKey('a'), 'a\0\0')).toBeLessThan(0);
  });
});
