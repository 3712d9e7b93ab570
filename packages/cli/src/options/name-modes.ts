import type { Command } from 'commander';
import { ConfigurationError } from '@object-transfer/core/domain/errors';

/** Lets a command that has modes name them all where it is asked for one that it has not. */
export function nameModes(group: Command): void {
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
