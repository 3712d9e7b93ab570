import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { expectExitCode, PROGRAM } from './command.ts';
import { Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';

it('a command whose reader has read enough ends without a word', async () => {
  await using rehearsal = await Rehearsal.start();
  rehearsal.source.put('folder/object', 'x');
  expectExitCode(await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET), 0);
  const command = [process.execPath, PROGRAM, 'status', '--watch', '1', '--json'];
  const shell = spawn('bash', ['-c', 'set -o pipefail; "$@" | head -n 1', 'bash', ...command], {
    cwd: rehearsal.directory,
    env: rehearsal.environment,
  });
  const [stdout, stderr, [exitCode]] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'exit')]);
  expect(stdout.split('\n')).toHaveLength(2);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});
