import type { DatastoreSettingsOptions } from '@object-transfer/core/config/datastore-settings';
import type { Deployment } from '@object-transfer/core/config/field';
import { FlagSettings } from '@object-transfer/core/config/flag-settings';
import type { ModuleFields } from '@object-transfer/core/config/modules';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { SettingsSource } from '@object-transfer/core/ports/settings-source';
import { unlessAborted } from '@object-transfer/core/runtime/unless-aborted';
import type { CommandContext } from '../command-context.ts';
import { CONFIG_KEY_OPTION, flagValues, type ParsedOptions } from '../options/field-options.ts';

export interface CommandSources {
  /** A fleet where an entity was asked for: its defaults are those of the reference tool. */
  readonly deployment: Deployment;
  /** The first that gives a field wins: the command line, the file, the entities in their order. */
  readonly sources: readonly SettingsSource[];
}

/**
 * Where a command's settings come from. Entities are read here, so that nothing stays connected.
 * @throws ConfigurationError `CONFIG_INVALID`, `CONFIG_ENTITY_MISSING`, `CONFIG_ACCESS_DENIED`; ServiceError; StoppedError
 */
export async function settingsSourcesOf(
  module: ModuleFields,
  options: ParsedOptions,
  context: Pick<CommandContext, 'environment' | 'stop'>,
): Promise<CommandSources> {
  const { config } = options;
  const file = typeof config === 'string' ? [await fileSource(config)] : [];
  const flags = flagValues(module, options);
  const configKeys = (options[CONFIG_KEY_OPTION] ?? []) as readonly string[];
  if (configKeys.length === 0) return { deployment: 'embedded', sources: [new FlagSettings(flags), ...file] };
  const ofEnvironment = context.environment.gcpProject;
  const projectId = flags['gcp_project'] ?? ofEnvironment;
  if (typeof projectId !== 'string') {
    throw new ConfigurationError('CONFIG_INVALID', '--config-key needs --gcp-project, or GOOGLE_CLOUD_PROJECT');
  }
  const entities = await readEntities(configKeys, projectId, context);
  const environment: readonly SettingsSource[] = ofEnvironment === undefined ? [] : [projectSource(ofEnvironment)];
  return {
    deployment: 'fleet',
    sources: [new FlagSettings(flags), ...environment, ...file, ...entities],
  };
}

async function fileSource(path: string): Promise<SettingsSource> {
  // Reading YAML takes a while to load.
  const { FileSettings } = await import('@object-transfer/core/config/file-settings');
  return new FileSettings(path);
}

/** The entity was read from this project: what it says itself does not count. */
function projectSource(projectId: string): SettingsSource {
  return {
    description: 'GOOGLE_CLOUD_PROJECT',
    unknownFields: 'error',
    readSettings: () => Promise.resolve({ gcp_project: projectId }),
  };
}

/** The settings of entities, `KIND/NAME`. @throws as {@link settingsSourcesOf} */
export async function readEntities(
  configKeys: readonly string[],
  projectId: string,
  { environment, stop }: Pick<CommandContext, 'environment' | 'stop'>,
): Promise<readonly SettingsSource[]> {
  const emulatorHost = environment.datastoreEmulatorHost;
  const entities: SettingsSource[] = [];
  for (const configKey of configKeys) entities.push(await readEntity({ projectId, configKey, emulatorHost }, stop));
  return entities;
}

async function readEntity(options: DatastoreSettingsOptions, stop: AbortSignal): Promise<SettingsSource> {
  // Google's clients take 0.4 s and 65 MB to load: only who uses them pays for that.
  const { openDatastoreSettings } = await import('@object-transfer/core/config/datastore-settings');
  const entity = openDatastoreSettings(options);
  try {
    const settings = await unlessAborted(entity.readSettings(), stop);
    const { description, unknownFields } = entity;
    return { description, unknownFields, readSettings: () => Promise.resolve(settings) };
  } finally {
    await entity.close();
  }
}
