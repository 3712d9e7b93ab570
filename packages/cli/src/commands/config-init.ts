import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { exampleSettings } from '@object-transfer/core/config/example-settings';
import type { ModuleFields } from '@object-transfer/core/config/modules';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { CommandContext } from '../command-context.ts';

interface InitFlags {
  readonly fleet?: boolean;
  readonly output?: string;
  readonly force?: boolean;
}

/** Makes a command write an example of a module's settings. */
export function addInitOptions(command: Command, module: ModuleFields, context: CommandContext): void {
  if (module.fleetRequired.length > 0) {
    command.option('--fleet', 'the payload of a Datastore entity and of its secret, instead of a file for --config');
  }
  command
    .option('--output <file>', 'write to this file instead of stdout')
    .option('--force', 'replace the file where it is there already')
    .action((flags: InitFlags) => writeExample(module, flags, context));
}

async function writeExample(module: ModuleFields, flags: InitFlags, { stdout }: CommandContext): Promise<void> {
  const example = exampleSettings(module, flags.fleet === true ? 'fleet' : 'embedded');
  const { output } = flags;
  if (output === undefined) {
    stdout.write(example);
    return;
  }
  try {
    await writeFile(output, example, { flag: flags.force === true ? 'w' : 'wx' });
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'EEXIST'
        ? 'it is there already; --force replaces it'
        : error instanceof Error
          ? error.message
          : String(error);
    throw new ConfigurationError('CONFIG_INVALID', `--output ${output} cannot be written: ${reason}`, { cause: error });
  }
}
