import { describe, expect, test } from 'vitest';
import { createReport, MAX_REPORTED_FAILURES, type ReportFigures } from './migration-report.ts';

const FIGURES: ReportFigures = {
  subfolders: 2,
  unverifiedSubfolders: 0,
  objectsListed: 10,
  bytesListed: 1000,
  objectsNotEqual: 0,
  objectsTransferred: 4,
  bytesTransferred: 400,
  failures: [],
  rounds: { checks: 1, repairs: 0, objectsRepaired: 0 },
  elapsedMs: 5,
};

test('what was equal without having been copied counts as skipped', () => {
  expect(createReport(FIGURES)).toEqual({
    subfolders: 2,
    objects: { listed: 10, transferred: 4, skipped: 6, failed: 0 },
    bytes: { listed: 1000, transferred: 400 },
    rounds: FIGURES.rounds,
    verified: true,
    failures: [],
    elapsedMs: 5,
  });
});

test('an object that was copied more than once is one object', () => {
  expect(createReport({ ...FIGURES, objectsTransferred: 12 }).objects).toEqual({
    listed: 10,
    transferred: 10,
    skipped: 0,
    failed: 0,
  });
});

test('a copy that was not equal at the end counts as failed only', () => {
  expect(createReport({ ...FIGURES, objectsTransferred: 10, objectsNotEqual: 3 }).objects).toEqual({
    listed: 10,
    transferred: 7,
    skipped: 0,
    failed: 3,
  });
});

test('the outcomes are never negative and always add up to what was listed', () => {
  for (const objectsListed of [0, 1, 7]) {
    for (let objectsNotEqual = 0; objectsNotEqual <= objectsListed; objectsNotEqual++) {
      for (const objectsTransferred of [0, 1, 6, 7, 100]) {
        const report = createReport({ ...FIGURES, objectsListed, objectsNotEqual, objectsTransferred });
        const { listed, transferred, skipped, failed } = report.objects;
        expect(transferred + skipped + failed).toBe(listed);
        expect(Math.min(transferred, skipped, failed)).toBeGreaterThanOrEqual(0);
      }
    }
  }
});

const FAILURE = { key: 'a', code: 'CHECK_MISSING', message: 'it is not at the destination' };

describe('is not verified', () => {
  test.each<[string, Partial<ReportFigures>]>([
    ['a subfolder is not', { unverifiedSubfolders: 1 }],
    ['an object is not equal', { objectsNotEqual: 1 }],
    ['there is a failure', { failures: [FAILURE] }],
  ])('where %s', (_what, figures) => {
    expect(createReport({ ...FIGURES, ...figures }).verified).toBe(false);
  });
});

test('failures are in the byte order of their keys', () => {
  const ordered = ['a/', 'a/b', 'b/', '\uFFFD', '\u{1F600}'];
  const failures = ordered.toReversed().map((key) => ({ key, code: FAILURE.code, message: FAILURE.message }));
  expect(createReport({ ...FIGURES, failures }).failures.map(({ key }) => key)).toEqual(ordered);
});

test('the first failures are reported, as many as fit', () => {
  const failures = Array.from({ length: MAX_REPORTED_FAILURES + 1 }, (_, index) => ({
    ...FAILURE,
    key: String(99_999 - index),
  }));
  const report = createReport({ ...FIGURES, failures });
  expect(report.failures).toHaveLength(MAX_REPORTED_FAILURES);
  expect(report.failures.at(-1)).toEqual(failures[0]);
});
