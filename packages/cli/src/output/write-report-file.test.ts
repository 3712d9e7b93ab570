import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { checkReportFile, writeReportFile } from './write-report-file.ts';

const REPORT: MigrationReport = {
  subfolders: 1,
  objects: { listed: 1, transferred: 1, skipped: 0, failed: 0 },
  bytes: { listed: 1, transferred: 1 },
  verified: true,
  failures: [],
  rounds: { checks: 1, repairs: 0, objectsRepaired: 0 },
  elapsedMs: 1,
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'report-file-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('the report takes the place of the one before, and nothing else is left', async () => {
  const file = join(directory, 'report.json');
  await writeFile(file, 'of an earlier run, and longer than the one that comes now'.repeat(100));
  await checkReportFile(file);
  await writeReportFile(file, REPORT);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(REPORT);
  expect(await readdir(directory)).toEqual(['report.json']);
});

test('a folder that does not exist is found out before any work, and nothing is written', async () => {
  await expect(checkReportFile(join(directory, 'none', 'report.json'))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('--report') as string,
  });
  await checkReportFile(join(directory, 'report.json'));
  expect(await readdir(directory)).toEqual([]);
});

test.each(['', '/'])('a folder is no place for a report, with %j at its end', async (end) => {
  await expect(checkReportFile(directory + end)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a report that cannot be written at the end says why, and leaves nothing half-written', async () => {
  const file = join(directory, 'report.json');
  // A folder that has come into the way meanwhile.
  await mkdir(file);
  await expect(writeReportFile(file, REPORT)).rejects.toMatchObject({
    code: 'STATE_READ_ONLY',
    message: expect.stringContaining(file) as string,
  });
  expect(await readdir(directory)).toEqual(['report.json']);
});
