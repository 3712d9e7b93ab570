import { expect, test } from 'vitest';
import { headerDate, headerInteger, headerText } from './header-values.ts';

/** As undici hands out the bytes of UTF-8 text. */
function raw(text: string): string {
  return Buffer.from(text).toString('latin1');
}

test('text beyond ASCII is read as UTF-8 where it is valid, and as Latin-1 otherwise', () => {
  expect(headerText({ name: raw('Zürich 東京') }, 'name')).toBe('Zürich 東京');
  expect(headerText({ name: 'Z\u00FCrich' }, 'name')).toBe('Zürich');
});

test('a header that came twice is joined', () => {
  expect(headerText({ name: ['a', 'b'] }, 'name')).toBe('a,b');
});

test.each(['-1', '1.5', '', '1e3', ' 1', '99999999999999999999'])('%j is no whole number', (text) => {
  expect(headerInteger({ name: text }, 'name')).toBeUndefined();
});

test('numbers and dates are read', () => {
  expect(headerInteger({ name: '5368709120' }, 'name')).toBe(5_368_709_120);
  expect(headerDate({ name: 'Wed, 21 Oct 2015 07:28:00 GMT' }, 'name')).toEqual(new Date('2015-10-21T07:28:00Z'));
  expect(headerDate({ name: 'yesterday' }, 'name')).toBeUndefined();
});
