import { expect, test } from 'vitest';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { summarizePlan, summarizeReport } from './report-summary.ts';

const REPORT: MigrationReport = {
  subfolders: 12,
  objects: { listed: 12_345, transferred: 2345, skipped: 10_000, failed: 0 },
  bytes: { listed: 3 * 1024 ** 3, transferred: 1024 ** 2 },
  verified: true,
  failures: [],
  rounds: { checks: 1, repairs: 0, objectsRepaired: 0 },
  elapsedMs: 65_000,
};

function failures(count: number): MigrationReport['failures'] {
  return Array.from({ length: count }, (_, index) => ({
    key: `folder/${index}`,
    code: 'CHECK_MISSING',
    message: 'it is not at the destination',
  }));
}

test('says what was done, and that it is proven', () => {
  expect(summarizeReport(REPORT).split('\n')).toEqual([
    '12 subfolders, 12,345 objects, 3.00 GiB',
    '  transferred  2,345 (1.00 MiB)',
    '  skipped      10,000 (already there, proven equal)',
    '  failed       0',
    '  compared     1 time, 0 objects repaired',
    '  time         01:05',
    '',
    expect.stringMatching(/^VERIFIED: /),
    '',
  ]);
});

test('says what failed and how to go on', () => {
  const text = summarizeReport({ ...REPORT, verified: false, failures: failures(1) });
  expect(text).toContain(
    '\n  CHECK_MISSING  "folder/0": it is not at the destination\nNOT VERIFIED: docs/operations.md',
  );
});

test('a key with line breaks or escapes stays on its line', () => {
  const [failure] = failures(1);
  const text = summarizeReport({ ...REPORT, failures: failure ? [{ ...failure, key: 'a\n\u001B[2Kb' }] : [] });
  expect(text).toContain(String.raw`"a\n\u001b[2Kb": it`);
});

test('ten failures are shown, and how many more there are', () => {
  expect(summarizeReport({ ...REPORT, failures: failures(10) })).not.toContain('more');
  const text = summarizeReport({ ...REPORT, failures: failures(1011) });
  expect(text).toContain('"folder/9"');
  expect(text).not.toContain('"folder/10"');
  expect(text).toContain('… and 1,001 more: see the report file');
});

test('a plan says what would be done, and that nothing was', () => {
  const plan = {
    subfolders: 3,
    objects: { listed: 1111, missing: 1000, different: 10, equal: 101, wouldFail: 4, extra: 7 },
    bytes: { listed: 2048, toTransfer: 1024 },
  };
  expect(summarizePlan(plan)).toBe(
    [
      '3 subfolders, 1,111 objects, 2.00 KiB',
      '  would be transferred  1,006 (1.00 KiB)',
      '  would be skipped      101 (already there, proven equal)',
      '  would fail            4 (name that GCS forbids, archived, or different and not to be overwritten)',
      '  left alone            7 at the destination only',
      'Nothing was changed.',
      '',
    ].join('\n'),
  );
});
