import { expect, it } from 'vitest';
import { screenOf } from './status-screen.ts';

const LINES = ['first line', 'second', 'third'];

it('writes over what is there, line by line, and clears what is below', () => {
  expect(screenOf(LINES, { columns: 80, rows: 24 }, false)).toBe(
    '\x1b[Hfirst line\x1b[K\nsecond\x1b[K\nthird\x1b[K\n\x1b[J',
  );
});

it('clears the screen the first time', () => {
  expect(screenOf(LINES, { columns: 80, rows: 24 }, true).startsWith('\x1b[2J\x1b[Hfirst line')).toBe(true);
});

it('leaves out what would scroll or wrap', () => {
  expect(screenOf(LINES, { columns: 8, rows: 3 }, false)).toBe('\x1b[Hfirst l\x1b[K\nsecond\x1b[K\n\x1b[J');
});

it('takes a terminal that does not tell its size for a usual one', () => {
  const shown = screenOf(
    Array.from({ length: 30 }, () => 'x'.repeat(90)),
    { columns: 0, rows: 0 },
    false,
  );
  expect(shown.split('\n')).toHaveLength(24);
  expect(shown).toContain(`${'x'.repeat(79)}\x1b[K\n`);
});
