import { Option, type Command } from 'commander';
import { FIELDS, type FieldKey } from '@object-transfer/core/config/fields';
import { fieldFlag, type Field, type RawValue } from '@object-transfer/core/config/field';
import { FileSettings } from '@object-transfer/core/config/file-settings';
import { FlagSettings } from '@object-transfer/core/config/flag-settings';
import type { ModuleFields } from '@object-transfer/core/config/modules';
import type { SettingsSource } from '@object-transfer/core/ports/settings-source';

/** What commander makes of the command line: by attribute name, `undefined` where not given. */
export type ParsedOptions = Readonly<Record<string, unknown>>;

/** Gives a command one flag for each field of its module, and `--config` for all of them. */
export function addFieldOptions(command: Command, module: ModuleFields): Command {
  command.option(
    '--config <file>',
    'YAML or JSON file with any of these settings, by their field names (s3_bucket: …)',
  );
  for (const key of fieldKeys(module)) command.addOption(fieldOption(fieldOf(key)));
  return command;
}

/** The settings that the command line and its `--config` file give; the command line wins. */
export function settingsSources(module: ModuleFields, options: ParsedOptions): readonly SettingsSource[] {
  const flags: Record<string, unknown> = {};
  for (const key of fieldKeys(module)) {
    const field = fieldOf(key);
    flags[field.name] = options[fieldOption(field).attributeName()];
  }
  const file = options['config'];
  const fromFlags = new FlagSettings(flags);
  return typeof file === 'string' ? [fromFlags, new FileSettings(file)] : [fromFlags];
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
  if (field.repeatable) {
    option.argParser<string[]>((given, before) => [...(before ?? []), given]);
  }
  return option;
}

function isEmpty(value: RawValue): boolean {
  return value === '' || value === '{}' || (Array.isArray(value) && value.length === 0);
}
