import { expect, it } from 'vitest';
import { printable, printableLine } from './printable.ts';

it.each([
  ['\u001B[2J\u0007', String.raw`\u001b[2J\u0007`],
  ['\u009B31m\u007F', String.raw`\u009b31m\u007f`],
  ['a\u202Efdp.exe\u2069', String.raw`a\u202efdp.exe\u2069`],
  ['a\rb', String.raw`a\u000db`],
  ['plain ü 字 😀 e\u0301\n\tnext', 'plain ü 字 😀 e\u0301\n\tnext'],
])('shows %j as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

it('brings a text into one line', () => {
  expect(printableLine('a\r\nVERIFIED\u2028b\n\u001B[1m')).toBe(String.raw`a VERIFIED b \u001b[1m`);
});
