import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand, type CommandResult } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-init-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function config(...args: readonly string[]): Promise<CommandResult> {
  const options = { cwd: directory, environment: bareEnvironment(directory) };
  await using command = new RunningCommand(['config', ...args], options);
  return await command.ended;
}

const MODULES = [
  'prepare',
  'dump',
  'publisher objects',
  'publisher sync-check',
  'publisher rsync',
  'worker cdnTransfer',
  'worker syncCheck',
  'worker rsync',
];

describe('config init', () => {
  it.each([...MODULES.flatMap((module) => [module, `${module} --fleet`]), 'run'])(
    'writes a file for %s that passes the check once it is filled in',
    async (command) => {
      const { exitCode, stdout, stderr } = await config('init', ...command.split(' '));
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const filled = stdout
        .replace('<url>', 'https://d111111abcdef8.cloudfront.net/')
        .replaceAll(/^(\w+): <.*>$/gm, '$1: example1');
      await writeFile(join(directory, 'filled.yaml'), filled);
      expectExitCode(await config('check', ...command.split(' '), '--config', 'filled.yaml'), 0);
    },
  );

  it('replaces a file only where it is told to', async () => {
    const file = join(directory, 'run.yaml');
    await writeFile(file, 'mine');
    const refused = await config('init', 'run', '--output', 'run.yaml');
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain('--output run.yaml cannot be written: it is there already; --force replaces it');
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect(await config('init', 'run', '--output', 'run.yaml', '--force')).toMatchObject({ exitCode: 0, stdout: '' });
    expect(await readFile(file, 'utf8')).toContain('\ngcs_bucket: <bucket>\n');
  });

  it('writes a new file', async () => {
    expectExitCode(await config('init', 'dump', '--output', 'dump.yaml'), 0);
    expect(await readFile(join(directory, 'dump.yaml'), 'utf8')).toContain('\ns3_bucket: <bucket>\n');
  });

  it('ends with exit code 2 where there is no place for the file', async () => {
    const { exitCode, stderr } = await config('init', 'run', '--output', 'none/run.yaml');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('none/run.yaml');
  });
});
