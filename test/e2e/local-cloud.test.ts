import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'object-transfer-local-cloud-'));
  await mkdir(join(directory, 'files', 'folder'), { recursive: true });
  await writeFile(join(directory, 'files', 'folder', 'object'), 'content');
});
afterEach(() => rm(directory, { recursive: true }));

function start(args: readonly string[], variables: Readonly<Record<string, string>> = {}): RunningCommand {
  return new RunningCommand(args, { cwd: directory, environment: { ...bareEnvironment(directory), ...variables } });
}

/** What a shell would have set after `eval` of these lines. */
function exportedVariables(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

describe('local-cloud', () => {
  it('prints what another shell needs to run a migration against it, and ends on Ctrl-C with exit code 0', async () => {
    const flags = ['--s3-dir', 'files', '--gcs-dir', 'bucket', '--signed-urls', 'key.pem'];
    await using cloud = start(['local-cloud', ...flags]);
    const printed = await cloud.waitForOutput('# npx object-transfer run');
    const variables = exportedVariables(printed);
    expect(Object.keys(variables)).toEqual(
      expect.arrayContaining(['AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID', 'STORAGE_EMULATOR_HOST']),
    );
    expect((await stat(join(directory, 'key.pem'))).mode & 0o777).toBe(0o600);
    const command = /# npx object-transfer (run .*)/.exec(printed)?.[1] ?? '';
    await using run = start([...command.split(' '), '--report', 'report.json'], variables);
    expectExitCode(await run.ended, 0);
    expect(JSON.parse(await readFile(join(directory, 'report.json'), 'utf8'))).toMatchObject({
      objects: { listed: 1, transferred: 1 },
      verified: true,
    });
    cloud.kill('SIGINT');
    expectExitCode(await cloud.ended, 0);
    // The destination outlives the process.
    await using again = start(['local-cloud', '--gcs-dir', 'bucket', '--json']);
    const { environment } = JSON.parse(await again.waitForOutput('}\n')) as {
      readonly environment: { readonly STORAGE_EMULATOR_HOST: string };
    };
    const url = `${environment.STORAGE_EMULATOR_HOST}/storage/v1/b/destination/o/folder%2Fobject?alt=media`;
    expect(await (await fetch(url)).text()).toBe('content');
    again.kill('SIGTERM');
    expectExitCode(await again.ended, 0);
  });
});
