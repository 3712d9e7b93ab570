import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { ConfigurationError, StoppedError } from '@object-transfer/core/domain/errors';
import type { CommandContext } from '../command-context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { readEnvironment } from '../wiring/environment.ts';
import { runMigrationCommand } from './run.ts';
import { createLogger } from '@object-transfer/core/runtime/logger';
import { reportMigration } from '../output/report-migration.ts';
import type { CloudDescription } from '../output/describe-cloud.ts';
import type { ParsedOptions } from '../options/field-options.ts';
import { rehearseFleet } from '../wiring/fleet-rehearsal.ts';

interface DemoFlags {
  readonly sourceDir: string;
  readonly report?: string;
  readonly processes?: string;
  readonly json?: boolean;
  readonly fleet?: boolean;
}

/** Processes of a rehearsed fleet, dump and the comparison in the end aside. */
const FLEET_PUBLISHERS = 2;
const FLEET_WORKERS = 3;

/** The dependencies that this tool was installed with: thousands of real files of all sizes, on every machine that can run it. */
const INSTALLED_DEPENDENCIES = fileURLToPath(new URL('../../../../node_modules', import.meta.url));

export function addDemoCommand(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description(
      'rehearses a whole migration on this machine: serves a directory as an S3 bucket behind a CDN with signed URLs, and migrates it to a local GCS',
    )
    .option('--source-dir <dir>', 'directory to migrate', INSTALLED_DEPENDENCIES)
    .option('--report <file>', 'write the report as JSON to this file')
    .option('--processes <n>', 'worker processes')
    .option(
      '--fleet',
      'by processes of a fleet, over Pub/Sub, Datastore, Secret Manager and MariaDB, all of them on this machine',
    )
    .option('--json', 'print the report as JSON instead of a summary')
    .action(async (flags: DemoFlags) => {
      process.exitCode = await demo(flags, context);
    });
}

async function demo(flags: DemoFlags, context: CommandContext): Promise<number> {
  await checkSourceDir(flags.sourceDir);
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'object-transfer-demo-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const cloud = await startCloudProcess(flags, join(folder, 'private-key.pem'), cleanup);
  if (flags.json !== true) {
    context.stdout.write(
      `S3 serves ${flags.sourceDir} as ${cloud.from}, CloudFront asks for signed URLs at ${cloud.cdn}, GCS takes ${cloud.to}\n`,
    );
  }
  const environment = readEnvironment({ ...context.environment.variables, ...cloud.environment });
  const inCloud = { ...context, environment };
  try {
    if (cloud.fleet !== undefined) return await migrateByFleet(flags, cloud.fleet, inCloud);
    return await runMigrationCommand(runOptions(flags, cloud, folder), inCloud);
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    context.stderr.write(`the demo was ${error.message}; nothing of it is left\n`);
    return EXIT_CODES.failures;
  }
}

/** What `run` is given. */
function runOptions(flags: DemoFlags, cloud: CloudDescription, folder: string): ParsedOptions {
  const { sourceDir: _, ...passedOn } = flags;
  return {
    ...passedOn,
    from: cloud.from,
    to: cloud.to,
    cdn: cloud.cdn,
    state: join(folder, 'state.sqlite'),
    urlSignerKeyPairId: cloud.keyPairId,
    urlSignerPrivateKeyFile: cloud.privateKeyFile,
  };
}

/** @returns the exit code: 0 only when everything is verified */
function migrateByFleet(
  flags: DemoFlags,
  fleet: NonNullable<CloudDescription['fleet']>,
  context: CommandContext,
): Promise<number> {
  const { environment, stderr, stop } = context;
  const logger = createLogger({ name: 'demo', level: 'info', human: stderr.isTTY });
  context.stderr.write(
    `dump, ${FLEET_PUBLISHERS} publishers and ${FLEET_WORKERS} workers are processes of their own, configured from Datastore\n`,
  );
  const rehearsal = { fleet, environment, publishers: FLEET_PUBLISHERS, workers: FLEET_WORKERS, logger };
  const output = { report: flags.report, json: flags.json === true };
  return reportMigration(output, logger, context, (onProgress) => rehearseFleet({ ...rehearsal, onProgress }, stop));
}

async function checkSourceDir(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new ConfigurationError('CONFIG_INVALID', `--source-dir: ${JSON.stringify(directory)} is not a directory`);
  }
}

/** The servers run in a process of their own, as they would elsewhere. */
async function startCloudProcess(
  { sourceDir, fleet }: DemoFlags,
  keyFile: string,
  cleanup: AsyncDisposableStack,
): Promise<CloudDescription> {
  const [, program = ''] = process.argv;
  const args = ['--json', '--s3-dir', sourceDir, '--signed-urls', keyFile, ...(fleet === true ? ['--fleet'] : [])];
  const child = fork(program, ['local-cloud', ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // Out of reach of Ctrl-C: it must outlive the transfers that are then finished. It ends when this process does.
    detached: true,
  });
  const ended = once(child, 'exit');
  cleanup.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  if (child.stdout === null) throw new TypeError('a piped stdout is a stream');
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended.then(() => [undefined])])) as [
    string | undefined,
  ];
  if (line === undefined) throw new ConfigurationError('CONFIG_INVALID', 'the local cloud could not be started');
  return JSON.parse(line) as CloudDescription;
}
