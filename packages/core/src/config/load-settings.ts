import { ConfigurationError } from '../domain/errors.ts';
import type { SettingsSource } from '../ports/settings-source.ts';
import type { Deployment, Field } from './field.ts';
import { FIELDS, type FieldKey, type FieldValue } from './fields.ts';
import { mergeSources, type GivenValue, type GivenValues } from './merge-sources.ts';
import type { ModuleFields } from './modules.ts';
import { breachedRules, type PartialSettings } from './setting-rules.ts';
import { suggestName } from './suggest-name.ts';

/** The settings of a module, typed, with units in their names. */
export type ModuleSettings<M extends ModuleFields> = {
  readonly [K in M['required'][number] | M['defaulted'][number]]: FieldValue<K>;
} & {
  readonly [K in M['optional'][number] | M['fleetRequired'][number] | M['fleetOptional'][number]]:
    | FieldValue<K>
    | undefined;
};

export interface LoadedSettings<M extends ModuleFields> {
  readonly settings: ModuleSettings<M>;
  /** What is allowed and most likely not meant, one sentence each. */
  readonly warnings: readonly string[];
}

interface Problem {
  readonly name: string;
  /** Origin of the value; `undefined` where the field is missing. */
  readonly from: string | undefined;
  readonly problem: string;
}

const ENTRIES = Object.entries(FIELDS) as readonly (readonly [FieldKey, Field<unknown>])[];
const FIELD_NAMES: readonly string[] = ENTRIES.map(([, field]) => field.name);

/**
 * Reads and checks the settings of a module.
 * @param sources the first that gives a field wins: the command line before a file
 * @throws ConfigurationError `CONFIG_INVALID` naming every wrong, missing and unknown field in one message;
 *   `CONFIG_UNREADABLE` from the sources
 */
export async function loadSettings<M extends ModuleFields>(
  module: M,
  deployment: Deployment,
  sources: readonly SettingsSource[],
): Promise<LoadedSettings<M>> {
  const given = await mergeSources(sources);
  const problems: Problem[] = unknownFields(given);
  const warnings: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const [key, field] of ENTRIES) {
    const read = readField(key, field, module, deployment, given.get(field.name));
    if (read === undefined) continue;
    if ('problems' in read) problems.push(...read.problems);
    else if ('warning' in read) warnings.push(read.warning);
    else {
      settings[key] = read.value;
      const warning = read.value === undefined ? undefined : field.warn?.(read.value);
      if (warning !== undefined) warnings.push(`${field.name}${origin(given.get(field.name)?.from)} ${warning}`);
    }
  }
  problems.push(...brokenRules(module, settings, given));
  if (problems.length > 0) throw invalid(module, problems);
  return { settings: settings as ModuleSettings<M>, warnings };
}

type FieldReading =
  | { readonly value: unknown }
  | { readonly warning: string }
  | { readonly problems: readonly Problem[] }
  | undefined;

/** @returns `undefined` for a field that is not of this module */
function readField(
  key: FieldKey,
  field: Field<unknown>,
  module: ModuleFields,
  deployment: Deployment,
  given: GivenValue | undefined,
): FieldReading {
  const ofFleet = module.fleetRequired.includes(key) || module.fleetOptional.includes(key);
  if (ofFleet && deployment === 'embedded') {
    if (given === undefined) return { value: undefined };
    return { warning: `${field.name}${origin(given.from)} has no effect: only a fleet uses it` };
  }
  if (!(ofFleet || isRead(module, key))) return undefined;
  const raw = given?.value ?? (module.defaulted.includes(key) ? field.defaults[deployment] : undefined);
  if (raw === undefined) {
    const required = module.required.includes(key) || module.fleetRequired.includes(key);
    if (!required) return { value: undefined };
    return { problems: [{ name: field.name, from: given?.from, problem: `is missing: ${field.description}` }] };
  }
  const parsed = field.schema.safeParse(raw);
  if (parsed.success) return { value: parsed.data };
  // A list with three wrong entries breaks one rule three times: once is enough to be told.
  const messages = new Set(parsed.error.issues.map((issue) => issue.message));
  return { problems: [...messages].map((problem) => ({ name: field.name, from: given?.from, problem })) };
}

function isRead(module: ModuleFields, key: FieldKey): boolean {
  return module.required.includes(key) || module.defaulted.includes(key) || module.optional.includes(key);
}

function brokenRules(module: ModuleFields, settings: PartialSettings, given: GivenValues): readonly Problem[] {
  const wasGiven = (key: FieldKey): boolean => isRead(module, key) && given.get(FIELDS[key].name)?.value !== undefined;
  return breachedRules({ settings, wasGiven }).map(({ key, problem }) => {
    const { name } = FIELDS[key];
    return { name, from: given.get(name)?.from, problem };
  });
}

function unknownFields(given: GivenValues): Problem[] {
  const unknown = [...given].filter(([name]) => !FIELD_NAMES.includes(name));
  return unknown.map(([name, { from }]) => {
    const suggestion = suggestName(name, FIELD_NAMES);
    const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    return { name, from, problem: `is not a field that this tool knows${hint}` };
  });
}

function invalid(module: ModuleFields, problems: readonly Problem[]): ConfigurationError {
  const lines = problems.map(({ name, from, problem }) => `  ${name}${origin(from)} ${problem}`);
  const count = problems.length === 1 ? 'One setting is wrong' : `${problems.length} settings are wrong`;
  return new ConfigurationError('CONFIG_INVALID', `${count} (${module.name}):\n${lines.join('\n')}`);
}

function origin(from: string | undefined): string {
  return from === undefined ? '' : ` (${from})`;
}
