import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Deployment } from '@object-transfer/core/config/field';
import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import { OPERATOR } from '@object-transfer/core/config/modules';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import type { CommandContext } from '../command-context.ts';
import type { ParsedOptions } from '../options/field-options.ts';
import { loadCommandSettings } from './load-command-settings.ts';
import { openStateOnly } from './open-backends.ts';
import type { OpenOptions } from './open-options.ts';
import { openStateFile } from './open-state-file.ts';
import { openServices } from './services.ts';

type OperatorSettings = ModuleSettings<typeof OPERATOR>;

/** What a command of the operator's works with. */
export interface OperatorState {
  readonly settings: OperatorSettings;
  readonly deployment: Deployment;
  readonly stateStore: StateStore;
  /** The state for people: its file or its table. */
  readonly stateName: string;
  /** Where the state is a file. */
  readonly file: EmbeddedState | undefined;
  readonly opening: OpenOptions;
}

/**
 * Opens the state that is there: a command of the operator's creates none, and ties none to a bucket.
 * @param command for what is said about wrong settings
 * @param cleanup closes it again
 * @throws ConfigurationError `CONFIG_STATE_MISSING`, and as `openStateOnly`
 */
export async function openOperatorState(
  command: string,
  options: ParsedOptions,
  context: CommandContext,
  cleanup: AsyncDisposableStack,
): Promise<OperatorState> {
  const module = { ...OPERATOR, name: command };
  const { settings, deployment, logger } = await loadCommandSettings(module, options, context);
  const { mysqlTable } = settings;
  if (mysqlTable === undefined) requireStateFile(settings.state);
  const services = await openServices(settings, context.environment, { logger, signal: context.stop, cleanup });
  const identity = createProcessIdentity();
  const opening = { logger, signal: context.stop, cleanup, services, identity, dryRun: true };
  const common = { settings, deployment, opening };
  if (mysqlTable !== undefined) {
    const stateStore = await openStateOnly(settings, opening);
    return { ...common, stateStore, stateName: `MySQL table ${mysqlTable}`, file: undefined };
  }
  const file = await openStateFile(settings.state, identity, true, cleanup);
  return { ...common, stateStore: file.stateStore, stateName: settings.state, file };
}

/**
 * The state file for its queue, also where MySQL has the state.
 * @throws ConfigurationError `CONFIG_STATE_MISSING`
 */
export async function openQueueFile({ settings, opening, file }: OperatorState): Promise<EmbeddedState> {
  if (file !== undefined) return file;
  requireStateFile(settings.state);
  return openStateFile(settings.state, opening.identity, true, opening.cleanup);
}

function requireStateFile(file: string): void {
  if (existsSync(file) && !isEmptyDatabase(file)) return;
  throw new ConfigurationError(
    'CONFIG_STATE_MISSING',
    `there is no state in ${JSON.stringify(file)}: give --state FILE, or --config-key KIND/NAME of a fleet`,
    { op: 'openState', source: file },
  );
}

/** Opening such a file for use would create the tables. What cannot be read at all is named by whoever opens it. */
function isEmptyDatabase(file: string): boolean {
  try {
    using database = new DatabaseSync(file, { readOnly: true });
    const row = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get();
    return row?.['tables'] === 0;
  } catch {
    return false;
  }
}
