import type { Deployment } from '@object-transfer/core/config/field';
import { loadSettings, type ModuleSettings } from '@object-transfer/core/config/load-settings';
import { FIELDS } from '@object-transfer/core/config/fields';
import { fieldsRead, type ModuleFields } from '@object-transfer/core/config/modules';
import type { SettingsSource } from '@object-transfer/core/ports/settings-source';
import { createLogger, type Logger, type LogLevel } from '@object-transfer/core/runtime/logger';
import type { CommandContext } from '../command-context.ts';
import type { ParsedOptions } from '../options/field-options.ts';
import { settingsSourcesOf } from './settings-sources.ts';
import type { WorkerAssignment } from './worker-processes.ts';

export interface CommandSettings<M extends ModuleFields> {
  readonly settings: ModuleSettings<M>;
  readonly deployment: Deployment;
  /** The fields that the module reads as they were given, by name, for processes that are to have the same. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly logger: Logger;
}

/**
 * Reads a module's settings and makes the logger that they ask for. On a terminal the log is text.
 * @param before a source that wins over all others
 * @throws ConfigurationError naming every wrong field
 */
export async function loadCommandSettings<M extends ModuleFields>(
  module: M,
  options: ParsedOptions,
  context: CommandContext,
  before?: SettingsSource,
): Promise<CommandSettings<M>> {
  const { deployment, sources } = await settingsSourcesOf(module, options, context);
  const loaded = await loadSettings(module, deployment, before === undefined ? sources : [before, ...sources]);
  const logger = loggerOf(loaded.settings, context);
  for (const warning of loaded.warnings) logger.warn(warning);
  const given: Record<string, unknown> = {};
  for (const key of fieldsRead(module)) {
    const { name } = FIELDS[key];
    const value = loaded.given.get(name)?.value;
    if (value !== undefined) given[name] = value;
  }
  return { settings: loaded.settings, deployment, given, logger };
}

/** As {@link loadCommandSettings}, in a worker process; the one that started it has told the warnings. */
export async function loadAssignedSettings<M extends ModuleFields>(
  module: M,
  { deployment, settings }: WorkerAssignment,
  context: CommandContext,
): Promise<Pick<CommandSettings<M>, 'settings' | 'logger'>> {
  const source: SettingsSource = {
    description: 'what this process was assigned',
    unknownFields: 'warning',
    readSettings: () => Promise.resolve(settings),
  };
  const loaded = await loadSettings(module, deployment, [source]);
  return { settings: loaded.settings, logger: loggerOf(loaded.settings, context) };
}

function loggerOf(settings: object, context: CommandContext): Logger {
  const { loggerName, logLevel } = settings as { readonly loggerName: string; readonly logLevel: LogLevel };
  return createLogger({ name: loggerName, level: logLevel, human: context.stderr.isTTY });
}
