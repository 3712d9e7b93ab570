import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { writeToFile } from './diff-sinks.ts';
import { writeReportFile } from './write-report-file.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'unfinished-files-'));
});
afterEach(() => rm(directory, { recursive: true }));

it.each<[string, (file: string) => Promise<unknown>]>([
  ['a report', (file) => writeReportFile(file, {} as MigrationReport)],
  ['a list of differences', (file) => writeToFile(file, (write) => write('{}\n'))],
])('%s follows no link that somebody has put where its temporary file might be', async (_, write) => {
  const file = join(directory, 'out');
  await writeFile(join(directory, 'precious'), 'precious');
  await symlink('precious', `${file}.${process.pid}.tmp`);
  await symlink('precious', `${file}.tmp`);
  await write(file);
  expect(await readFile(file, 'utf8')).toBe('{}\n');
  expect(await readFile(join(directory, 'precious'), 'utf8')).toBe('precious');
  expect(await readdir(directory)).toHaveLength(4);
});
