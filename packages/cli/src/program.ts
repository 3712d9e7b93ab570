import { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import { readEnvironment } from './wiring/environment.ts';

type AddCommand = (program: Command, context: CommandContext) => void;

/** In the order of the help. Each is loaded when it is called for. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import('./commands/run.ts')).addRunCommand,
  demo: async () => (await import('./commands/demo.ts')).addDemoCommand,
  prepare: async () => (await import('./commands/prepare.ts')).addPrepareCommand,
  dump: async () => (await import('./commands/dump.ts')).addDumpCommand,
  publisher: async () => (await import('./commands/publisher.ts')).addPublisherCommand,
  worker: async () => (await import('./commands/worker.ts')).addWorkerCommand,
  sync: async () => (await import('./commands/sync.ts')).addSyncCommand,
  status: async () => (await import('./commands/status.ts')).addStatusCommand,
  errors: async () => (await import('./commands/errors.ts')).addErrorsCommand,
  diff: async () => (await import('./commands/diff.ts')).addDiffCommand,
  limits: async () => (await import('./commands/limits.ts')).addLimitsCommand,
  reset: async () => (await import('./commands/reset.ts')).addResetCommand,
  abandon: async () => (await import('./commands/abandon.ts')).addAbandonCommand,
  config: async () => (await import('./commands/config.ts')).addConfigCommand,
  'local-cloud': async () => (await import('./commands/local-cloud.ts')).addLocalCloudCommand,
};

/** The command line. Throws what a command throws, and a CommanderError for wrong usage. */
export async function createProgram(argv: readonly string[], stop: AbortSignal): Promise<Command> {
  const program = new Command('object-transfer')
    .description(
      'Moves a bucket from AWS S3 to Google Cloud Storage through CloudFront, and proves that every object arrived.',
    )
    .version('0.1.0')
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  const context: CommandContext = {
    environment: readEnvironment(process.env),
    stop,
    stdout: process.stdout,
    stderr: process.stderr,
  };
  const [, , name = ''] = argv;
  // Help, and what is no command, take them all.
  const wanted = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]] : Object.values(COMMANDS);
  for (const load of wanted) (await load?.())?.(program, context);
  return program;
}
