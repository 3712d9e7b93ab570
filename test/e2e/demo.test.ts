import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installMariadb } from '../services/mariadb-install.ts';
import { expectExitCode, RunningCommand } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'object-transfer-demo-test-'));
  await mkdir(join(directory, 'files', 'sub folder', 'deeper'), { recursive: true });
  await mkdir(join(directory, 'tmp'));
  for (const file of ['at the root', 'sub folder/ü+%.txt', 'sub folder/deeper/empty']) {
    await writeFile(join(directory, 'files', file), file.includes('empty') ? '' : file);
  }
});
afterEach(() => rm(directory, { recursive: true }));

function startDemo(...flags: readonly string[]): RunningCommand {
  const args = ['demo', '--source-dir', 'files', '--report', 'report.json', ...flags];
  const environment = bareEnvironment(join(directory, 'tmp'));
  return new RunningCommand(args, { cwd: directory, environment, ownGroup: true });
}

describe('demo', () => {
  it('migrates a directory to a local GCS, proves it, and leaves nothing but the report', async () => {
    await using demo = startDemo();
    const result = await demo.ended;
    expectExitCode(result, 0);
    expect(result.stdout).toContain('VERIFIED: every object');
    const report: unknown = JSON.parse(await readFile(join(directory, 'report.json'), 'utf8'));
    expect(report).toMatchObject({ subfolders: 2, objects: { listed: 3, transferred: 3 }, verified: true });
    expect(await readdir(directory)).toEqual(['files', 'report.json', 'tmp']);
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('--fleet does the same by processes of a fleet, and stops its MariaDB', async () => {
    await installMariadb();
    await using demo = startDemo('--fleet');
    const result = await demo.ended;
    expectExitCode(result, 0);
    expect(result.stdout).toContain('VERIFIED: every object');
    expect(result.stderr).toContain('2 publishers and 3 workers');
    expect(result.stderr).not.toContain('of 0+');
    const report: unknown = JSON.parse(await readFile(join(directory, 'report.json'), 'utf8'));
    expect(report).toMatchObject({ subfolders: 2, objects: { listed: 3, transferred: 3 }, verified: true });
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('stops on Ctrl-C, its servers with it, and leaves nothing', async () => {
    await using demo = startDemo();
    await demo.waitForOutput('S3 serves');
    demo.killGroup('SIGINT');
    const result = await demo.ended;
    expectExitCode(result, 1);
    expect(result.stderr).toContain('stopped by SIGINT');
    expect(await readdir(directory)).toEqual(['files', 'tmp']);
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });
});
