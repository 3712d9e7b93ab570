import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { MigrationProgress } from '@object-transfer/run/migration-progress';
import { createProgressReporter, type ProgressReporter } from './progress-reporter.ts';

const PROGRESS: MigrationProgress = {
  phase: 'transferring',
  subfolders: 2000,
  subfoldersChecked: 1234,
  objectsPublished: 4000,
  bytesPublished: 8192,
  publishingDone: true,
  objectsTransferred: 900,
  objectsSkipped: 100,
  objectsFailed: 0,
  bytesTransferred: 20 * 1024,
  elapsedMs: 10_000,
};

interface Output {
  readonly reporter: ProgressReporter;
  readonly log: { readonly msg: string; readonly progress: Record<string, unknown> }[];
  readonly written: () => string;
}

function report(terminal: { readonly columns: number } | undefined): Output {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: terminal !== undefined, ...terminal });
  const log: Output['log'] = [];
  const logger = pino({}, { write: (line) => log.push(JSON.parse(line) as Output['log'][number]) });
  return {
    reporter: createProgressReporter(stream as unknown as NodeJS.WriteStream, logger),
    log,
    written: () => String(stream.read() ?? ''),
  };
}

function lineOf(progress: Partial<MigrationProgress>): string | undefined {
  const { reporter, log } = report(undefined);
  reporter.show({ ...PROGRESS, ...progress });
  return log[0]?.msg;
}

describe('a progress line', () => {
  test('of a transfer says how much is done, how fast, and how long it will take', () => {
    expect(lineOf({})).toBe('transferring  1,000 of 4,000 objects, 20.0 KiB, 2.00 KiB/s, 00:30 left');
  });

  test('promises no end while more is being published', () => {
    expect(lineOf({ publishingDone: false })).toBe('transferring  1,000 of 4,000+ objects, 20.0 KiB, 2.00 KiB/s');
  });

  test('promises no end before anything is done, and divides by nothing', () => {
    const begun = { objectsTransferred: 0, objectsSkipped: 0, bytesTransferred: 0, elapsedMs: 0 };
    expect(lineOf(begun)).toBe('transferring  0 of 4,000 objects, 0 B, 0 B/s');
  });

  test('counts what failed as done with, and says so', () => {
    expect(lineOf({ objectsFailed: 1000 })).toBe(
      'transferring  1,000 of 4,000 objects, 20.0 KiB, 1,000 failed, 2.00 KiB/s, 00:10 left',
    );
  });

  test('has nothing left where more was done than published', () => {
    expect(lineOf({ objectsPublished: 10 })).toContain(', 00:00 left');
  });

  test('of the other phases says how far they are', () => {
    expect(lineOf({ phase: 'listing' })).toBe('listing subfolders  00:10');
    expect(lineOf({ phase: 'checking' })).toBe('checking  1,234 of 2,000 subfolders');
    expect(lineOf({ phase: 'checking', objectsFailed: 1 })).toBe('checking  1,234 of 2,000 subfolders, 1 failed');
  });
});

describe('in a log', () => {
  test('a line comes every few seconds and with every phase', () => {
    const { reporter, log, written } = report(undefined);
    for (const elapsedMs of [0, 1000, 4999, 5000, 9999, 10_000]) reporter.show({ ...PROGRESS, elapsedMs });
    reporter.show({ ...PROGRESS, phase: 'checking', elapsedMs: 10_001 });
    reporter.end();
    expect(log.map(({ progress }) => [progress['phase'], progress['elapsedMs']])).toEqual([
      ['transferring', 0],
      ['transferring', 5000],
      ['transferring', 10_000],
      ['checking', 10_001],
    ]);
    expect(written()).toBe('');
  });

  test('the figures are fields', () => {
    const { reporter, log } = report(undefined);
    reporter.show(PROGRESS);
    expect(log[0]?.progress).toEqual({ ...PROGRESS, bytesPerSecond: 2048 });
  });
});

describe('on a terminal', () => {
  test('one line is written over, never wider than the terminal, and gone at the end', () => {
    const { reporter, log, written } = report({ columns: 31 });
    reporter.show(PROGRESS);
    expect(written()).toBe('\r\u001B[2Ktransferring  1,000 of 4,000 o');
    reporter.show({ ...PROGRESS, phase: 'listing' });
    expect(written()).toBe('\r\u001B[2Klisting subfolders  00:10');
    reporter.end();
    expect(written()).toBe('\r\u001B[2K');
    expect(log).toEqual([]);
  });

  test('one that does not tell its width gets a line of usual width', () => {
    const { reporter, written } = report({ columns: 0 });
    reporter.show(PROGRESS);
    expect(written()).toContain('transferring  1,000 of 4,000 objects, ');
    expect(written().length).toBeLessThanOrEqual('\r\u001B[2K'.length + 79);
  });
});
