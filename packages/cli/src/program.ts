import { Command } from 'commander';
import { addAbandonCommand } from './commands/abandon.ts';
import { addConfigCommand } from './commands/config.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDiffCommand } from './commands/diff.ts';
import { addDumpCommand } from './commands/dump.ts';
import { addErrorsCommand } from './commands/errors.ts';
import { addLimitsCommand } from './commands/limits.ts';
import { addLocalCloudCommand } from './commands/local-cloud.ts';
import { addPrepareCommand } from './commands/prepare.ts';
import { addPublisherCommand } from './commands/publisher.ts';
import { addResetCommand } from './commands/reset.ts';
import { addRunCommand } from './commands/run.ts';
import { addSyncCommand } from './commands/sync.ts';
import { addStatusCommand } from './commands/status.ts';
import { addWorkerCommand } from './commands/worker.ts';
import type { CommandContext } from './command-context.ts';
import { readEnvironment } from './wiring/environment.ts';

/** The command line. Throws what a command throws, and a CommanderError for wrong usage. */
export function createProgram(stop: AbortSignal): Command {
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
  addRunCommand(program, context);
  addDemoCommand(program, context);
  addPrepareCommand(program, context);
  addDumpCommand(program, context);
  addPublisherCommand(program, context);
  addWorkerCommand(program, context);
  addSyncCommand(program, context);
  addStatusCommand(program, context);
  addErrorsCommand(program, context);
  addDiffCommand(program, context);
  addLimitsCommand(program, context);
  addResetCommand(program, context);
  addAbandonCommand(program, context);
  addConfigCommand(program, context);
  addLocalCloudCommand(program, context);
  return program;
}
