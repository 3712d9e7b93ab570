import type { Deployment, Field } from './field.ts';
import { FIELDS, type FieldKey } from './fields.ts';
import type { GivenValues } from './merge-sources.ts';
import { fieldsRead, type ModuleFields } from './modules.ts';

export interface EffectiveField {
  readonly name: string;
  /** As it was given, or as a file would give the default; `undefined` where nothing holds. */
  readonly value: unknown;
  readonly unit: string | undefined;
  /** Where the value comes from, `default` for a default; `undefined` where nothing holds. */
  readonly from: string | undefined;
}

const UNITS: Readonly<Record<string, string>> = { seconds: 'seconds', minutes: 'minutes', mib: 'MiB' };

/** What holds for every field that a module reads, in the order of the fields. Secrets are no fields: only their names are. */
export function effectiveFields(
  module: ModuleFields,
  deployment: Deployment,
  given: GivenValues,
): readonly EffectiveField[] {
  return [...fieldsRead(module)]
    .toSorted((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))
    .map((key) => {
      const { name, valueName, defaults }: Pick<Field<unknown>, 'name' | 'valueName' | 'defaults'> = FIELDS[key];
      const entry = given.get(name);
      const unit = UNITS[valueName];
      if (entry?.value !== undefined) return { name, value: entry.value, unit, from: entry.from };
      const value = module.defaulted.includes(key) ? defaults[deployment] : undefined;
      return { name, value, unit, from: value === undefined ? undefined : 'default' };
    });
}

const ORDER = Object.keys(FIELDS) as readonly FieldKey[];

/** Names of the fields that were given, that the tool knows and that this module does not read. */
export function fieldsPassedBy(module: ModuleFields, given: GivenValues): readonly string[] {
  const read = fieldsRead(module);
  return ORDER.filter((key) => !read.has(key) && given.get(FIELDS[key].name)?.value !== undefined).map(
    (key) => FIELDS[key].name,
  );
}
