import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunningCommand } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

const SYSTEM_NODE = '/usr/bin/node';

function majorOf(node: string): number {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return Number(/^v(\d+)\./.exec(stdout ?? '')?.[1]);
}

describe('the launcher', () => {
  it.skipIf(!(majorOf(SYSTEM_NODE) < 24))(
    'hands over to the Node that came with it where this one is too old',
    async () => {
      const environment = bareEnvironment(tmpdir());
      await using command = new RunningCommand(['--version'], { cwd: tmpdir(), environment, node: SYSTEM_NODE });
      expect(await command.ended).toEqual({ exitCode: 0, signal: null, stdout: '0.1.0\n', stderr: '' });
    },
  );

  it.skipIf(!(majorOf(SYSTEM_NODE) < 24))('passes one signal on, once, and the exit code back', async () => {
    await using command = new RunningCommand(['local-cloud'], {
      cwd: tmpdir(),
      environment: bareEnvironment(tmpdir()),
      node: SYSTEM_NODE,
      ownGroup: true,
    });
    await command.waitForOutput('object-transfer run');
    command.killGroup('SIGINT');
    expect(await command.ended).toMatchObject({ exitCode: 0, signal: null });
  });

  it.skipIf(!(majorOf(SYSTEM_NODE) < 24))('takes the process that it started along when it is killed', async () => {
    await using command = new RunningCommand(['local-cloud'], {
      cwd: tmpdir(),
      environment: bareEnvironment(tmpdir()),
      node: SYSTEM_NODE,
    });
    await command.waitForOutput('object-transfer run');
    command.kill('SIGKILL');
    // Resolves only when the other process has ended, too.
    expect(await command.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  it('keeps compiled code in the cache directory of the user, and does without where there can be none', async () => {
    const home = await mkdtemp(join(tmpdir(), 'object-transfer-launcher-'));
    const environment = { PATH: bareEnvironment(home)['PATH'] ?? '', HOME: home, XDG_CACHE_HOME: join(home, 'cache') };
    const version = async (variables: Readonly<Record<string, string>>) => {
      await using command = new RunningCommand(['--version'], { cwd: home, environment: variables });
      return await command.ended;
    };
    const said = { exitCode: 0, signal: null, stdout: '0.1.0\n', stderr: '' };
    expect(await version(environment)).toEqual(said);
    expect(await readdir(join(home, 'cache', 'object-transfer'))).not.toEqual([]);
    await writeFile(join(home, 'file'), '');
    expect(await version({ ...environment, XDG_CACHE_HOME: join(home, 'file') })).toEqual(said);
    await rm(home, { recursive: true });
  });
});
