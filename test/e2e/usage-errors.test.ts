import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand, type CommandResult } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';

/** A wrong command changes nothing, so all of them share one source and one destination. */
let rehearsal: Rehearsal;
beforeAll(async () => {
  rehearsal = await Rehearsal.start();
  rehearsal.source.put('folder/object', 'x');
});
afterAll(() => rehearsal[Symbol.asyncDispose]());

let cases = 0;

/** Runs a command in a directory of its own and holds that it changed nothing there and nothing at the destination. */
async function refused(
  args: readonly string[],
  prepare: (directory: string) => Promise<readonly string[]> = () => Promise.resolve([]),
): Promise<CommandResult> {
  const directory = rehearsal.path(`case-${cases++}`);
  await mkdir(directory);
  const prepared = await prepare(directory);
  await using command = new RunningCommand(args, { cwd: directory, environment: rehearsal.environment });
  const result = await command.ended;
  const { stdout, stderr } = result;
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(await readdir(directory)).toEqual(prepared);
  expect(rehearsal.gcs.objects.names(DESTINATION_BUCKET)).toEqual([]);
  return result;
}

/** Leaves a state file of the whole source bucket in a directory. */
async function makeState(directory: string): Promise<readonly string[]> {
  const { environment } = rehearsal;
  await using dump = new RunningCommand(['dump', '--s3-bucket', SOURCE_BUCKET], { cwd: directory, environment });
  expectExitCode(await dump.ended, 0);
  return ['object-transfer.sqlite'];
}

const FROM = `--from s3://${SOURCE_BUCKET}/`;
const TO = `--to gs://${DESTINATION_BUCKET}/`;
const CDN = '--cdn http://127.0.0.1:1/';
const RUN = ['run', ...`${FROM} ${TO} ${CDN}`.split(' ')];
const REPORT = ['--report', 'report.json'];

describe('a wrong command line ends with exit code 2, names what is wrong and changes nothing', () => {
  it.each([
    ['run --no-such-flag', '--no-such-flag'],
    ['no-such-command', 'no-such-command'],
    ['worker no-such-mode', 'worker has no mode "no-such-mode": it has cdnTransfer'],
    ['worker no-such-mode --gcp_project p --config_key k/n', 'it has cdnTransfer'],
    ['publisher no-such-mode', 'it has objects or publishObjectsList'],
    ['worker', 'error CONFIG_INVALID: worker needs one of its commands'],
    ['worker --gcp_project p --config_key k/n', 'worker needs one of its commands, before all options'],
    ['publisher objects surplus', 'too many arguments'],
    [
      'config check worker no-such-mode',
      'config check worker has no mode "no-such-mode": it has cdnTransfer, syncCheck',
    ],
    ['config init no-such-module', 'it has prepare, dump'],
    [`run ${FROM} ${TO}`, 'cloudfront_url_host_pre'],
    [`run ${TO} ${CDN}`, 's3_bucket'],
    [`run --from https://source/ ${TO} ${CDN}`, '--from'],
    [`run ${FROM} --to s3://destination/ ${CDN}`, '--to'],
    [`run ${FROM} ${TO} --cdn cdn.example`, 'cloudfront_url_host_pre'],
    [`run ${FROM} --s3-bucket other ${TO} ${CDN}`, '--s3-bucket'],
    [`run ${FROM} ${TO} ${CDN} --processes many`, 'processes'],
    [`run ${FROM} ${TO} ${CDN} --last-modified-after yesterday`, 'last_modified_after'],
    [`run ${FROM} ${TO} ${CDN} --url-signer-key-pair-id K1`, 'url_signer_private_key'],
    [`run ${FROM} ${TO} ${CDN} --report no-such-directory/report.json`, '--report'],
    [`run ${FROM} ${TO} ${CDN} --state no-such-directory/state.sqlite`, 'no-such-directory'],
    [`run ${FROM} ${TO} ${CDN} --config no-such-file.yaml`, 'no-such-file.yaml'],
    [`run --from s3://no-such-source/ ${TO} ${CDN}`, 'no-such-source'],
    [`run --from s3://${SOURCE_BUCKET}/foldr/ ${TO} ${CDN}`, 'nothing lies under s3://source/foldr/'],
    [`run ${FROM} --to gs://no-such-destination/ ${CDN}`, 'no-such-destination'],
    ['dump --s3-bucket no-such-source', 'no-such-source'],
    ['publisher objects', 's3_bucket'],
    ['demo --source-dir no-such-directory', '--source-dir'],
    ['local-cloud --s3-port http', '--s3-port'],
  ])('%s', async (commandLine, named) => {
    const args = commandLine.split(' ');
    const withReport = args.includes('run') && !args.includes('--report') ? [...args, ...REPORT] : args;
    const result = await refused(withReport);
    expectExitCode(result, 2);
    expect(result.stderr).toContain(named);
  });

  it('names all wrong settings of a file at once, with their lines', async () => {
    const { exitCode, stderr } = await refused(
      ['run', '--config', 'settings.yaml', ...TO.split(' '), ...CDN.split(' ')],
      async (directory) => {
        const text = 's3_bucket: s3://source\nmax_concurrency: 0\ns3_root_prefx: photos\n';
        await writeFile(join(directory, 'settings.yaml'), text);
        return ['settings.yaml'];
      },
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('s3_bucket (settings.yaml line 1)');
    expect(stderr).toContain('max_concurrency (settings.yaml line 2)');
    expect(stderr).toContain('did you mean s3_root_prefix?');
  });

  it('a dump file of an unknown format', async () => {
    const { exitCode, stderr } = await refused(
      ['dump', '--s3-bucket', SOURCE_BUCKET, '--dump-file', 'dump.csv'],
      async (directory) => {
        await writeFile(join(directory, 'dump.csv'), 'folder/\nkey;size\n');
        return ['dump.csv'];
      },
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('dump.csv');
    expect(stderr).toContain('line 2');
  });

  it.each([
    { problem: 'is missing', content: undefined },
    { problem: 'is no key', content: '-----BEGIN NONSENSE-----\nc2VjcmV0\n-----END NONSENSE-----\n' },
  ])('the file of the private key $problem', async ({ content }) => {
    const flags = ['--url-signer-key-pair-id', 'K1', '--url-signer-private-key-file', 'key.pem'];
    const { exitCode, stderr } = await refused([...RUN, ...REPORT, ...flags], async (directory) => {
      if (content === undefined) return [];
      await writeFile(join(directory, 'key.pem'), content);
      return ['key.pem'];
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('key.pem');
    expect(stderr).not.toContain('c2VjcmV0');
  });

  it('the state file is of a newer version', async () => {
    const { exitCode, stderr } = await refused([...RUN, ...REPORT], async (directory) => {
      const prepared = await makeState(directory);
      const database = new DatabaseSync(join(directory, 'object-transfer.sqlite'));
      const ledger = database.prepare(`SELECT name FROM sqlite_schema WHERE name LIKE '%migrations'`).get();
      database.exec(`INSERT INTO "${String(ledger?.['name'])}" (version, name) VALUES (1000, 'of the future')`);
      database.close();
      return prepared;
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('object-transfer.sqlite');
    expect(stderr).toContain('version 1000');
  });

  it('the state file belongs to another folder', async () => {
    const run = `run --from s3://${SOURCE_BUCKET}/folder/ ${TO} ${CDN}`.split(' ');
    const result = await refused([...run, ...REPORT], makeState);
    expectExitCode(result, 2);
    expect(result.stderr).toContain('object-transfer.sqlite');
    expect(result.stderr).toContain(`s3://${SOURCE_BUCKET}/folder/`);
  });

  it('the state file is a file of somebody else, which stays as it is', async () => {
    const { exitCode, stderr } = await refused([...RUN, '--state', 'notes.txt'], async (directory) => {
      await writeFile(join(directory, 'notes.txt'), 'dear diary, '.repeat(1000));
      await chmod(join(directory, 'notes.txt'), 0o644);
      return ['notes.txt'];
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('notes.txt');
  });
});

const canMount = process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0;

describe.skipIf(!canMount)('run on a disk that is full', () => {
  it('could not run: exit code 3, and no report', async () => {
    const disk = rehearsal.path('disk');
    await mkdir(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    expect(mounted.stderr.toString()).toBe('');
    try {
      const state = join(disk, 'state.sqlite');
      const result = await refused([...RUN, ...REPORT, '--state', state]);
      expectExitCode(result, 3);
      expect(result.stderr).toContain('STATE_STORAGE_FULL');
      expect(result.stderr).toContain(state);
    } finally {
      spawnSync('umount', [disk]);
      await rm(disk, { recursive: true });
    }
  });
});
