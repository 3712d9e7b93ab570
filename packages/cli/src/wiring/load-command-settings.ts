import { loadSettings, type ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { ModuleFields } from '@object-transfer/core/config/modules';
import type { SettingsSource } from '@object-transfer/core/ports/settings-source';
import { createLogger, type Logger, type LogLevel } from '@object-transfer/core/runtime/logger';
import type { CommandContext } from '../command-context.ts';

export interface CommandSettings<M extends ModuleFields> {
  readonly settings: ModuleSettings<M>;
  readonly logger: Logger;
}

/**
 * Reads a module's settings and makes the logger that they ask for. On a terminal the log is text.
 * @throws ConfigurationError naming every wrong field
 */
export async function loadCommandSettings<M extends ModuleFields>(
  module: M,
  sources: readonly SettingsSource[],
  context: CommandContext,
): Promise<CommandSettings<M>> {
  const { settings, warnings } = await loadSettings(module, 'embedded', sources);
  const { loggerName, logLevel } = settings as { readonly loggerName: string; readonly logLevel: LogLevel };
  const logger = createLogger({ name: loggerName, level: logLevel, human: context.stderr.isTTY });
  for (const warning of warnings) logger.warn(warning);
  return { settings, logger };
}
