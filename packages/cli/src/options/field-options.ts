import { Option, type Command } from 'commander';
import { FIELDS, type FieldKey } from '@object-transfer/core/config/fields';
import { fieldFlag, type Field, type RawValue } from '@object-transfer/core/config/field';
import type { ModuleFields } from '@object-transfer/core/config/modules';

/** What commander makes of the command line: by attribute name, `undefined` where not given. */
export type ParsedOptions = Readonly<Record<string, unknown>>;

/** The attribute of `--config-key`: an array, where it was given. */
export const CONFIG_KEY_OPTION = 'configKey';

/**
 * Gives a command one flag for each field of its module, `--config` for all of them, and `--config-key` where the module
 * can be part of a fleet.
 */
export function addFieldOptions(command: Command, module: ModuleFields): Command {
  command.option(
    '--config <file>',
    'YAML or JSON file with any of these settings, by their field names (s3_bucket: …)',
  );
  if (module.fleetRequired.length > 0) {
    command.addOption(
      new Option(
        '--config-key <kind/name>',
        'Datastore entity with any of these settings; may be repeated. Needs --gcp-project',
      ).argParser(collect),
    );
  }
  for (const key of fieldKeys(module)) command.addOption(fieldOption(fieldOf(key)));
  return command;
}

/** What the command line says, by field name. */
export function flagValues(module: ModuleFields, options: ParsedOptions): Readonly<Record<string, unknown>> {
  const flags: Record<string, unknown> = {};
  for (const key of fieldKeys(module)) {
    const field = fieldOf(key);
    flags[field.name] = options[fieldOption(field).attributeName()];
  }
  return flags;
}

function fieldKeys(module: ModuleFields): readonly FieldKey[] {
  return [...module.required, ...module.optional, ...module.defaulted];
}

/** What a flag needs of a field: nothing that depends on the type of its value. */
type FlagField = Pick<Field<unknown>, 'name' | 'description' | 'valueName' | 'defaults' | 'repeatable'>;

function fieldOf(key: FieldKey): FlagField {
  return FIELDS[key];
}

function fieldOption(field: FlagField): Option {
  const value = field.defaults.embedded;
  const suffix = value === undefined || isEmpty(value) ? '' : ` (default: ${String(value)})`;
  const option = new Option(`${fieldFlag(field.name)} <${field.valueName}>`, field.description + suffix);
  if (field.repeatable) option.argParser(collect);
  return option;
}

function collect(given: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), given];
}

function isEmpty(value: RawValue): boolean {
  return value === '' || value === '{}' || (Array.isArray(value) && value.length === 0);
}
