import type { Command } from 'commander';
import { ConfigurationError } from '@object-transfer/core/domain/errors';

/**
 * Lets a command that has modes name them all where it is asked for one that it has not, and describe them where it is
 * asked for none.
 */
export function nameModes(group: Command): void {
  // Options are the mode's to know: without a mode, the first of them would be taken for what is wrong.
  group.allowUnknownOption();
  group.addHelpText('before', ({ error }) =>
    error ? `error CONFIG_INVALID: ${pathOf(group)} needs one of its commands, before all options\n` : '',
  );
  group.on('command:*', ([given = '']: readonly string[]) => {
    const modes = group.commands.map((mode) => [mode.name(), ...mode.aliases()].join(' or '));
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `${pathOf(group)} has no mode ${JSON.stringify(given)}: it has ${modes.join(', ')}`,
    );
  });
}

/** `config check worker`: without the program. */
function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}
