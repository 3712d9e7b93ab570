import { expect, test } from 'vitest';
import { countFindings } from './audit-summary.ts';

test('an audit that finds nothing is a list of zeros', () => {
  const counts = [...countFindings([]).values()];
  expect(counts.length).toBeGreaterThan(10);
  expect(new Set(counts)).toEqual(new Set([0]));
});

test('every finding counts once, under what it is about', () => {
  const findings = [
    'missing: "a"',
    'after the transfer: missing: "a"',
    'error topic of objects: []',
    'worker rsync: uncaught: x',
  ];
  const counts = countFindings(findings);
  expect(counts.values().reduce((sum, count) => sum + count)).toBe(findings.length);
  expect(counts.get('objects missing')).toBe(1);
  expect(counts.get('failures listed wrongly')).toBe(1);
});
