import { ConfigurationError } from '../domain/errors.ts';
import type { SettingsSource } from '../ports/settings-source.ts';
import { adapterWarnings } from './adapter-rules.ts';
import { fieldPlaceholder, type Deployment, type Field } from './field.ts';
import { FIELDS, type FieldKey, type FieldValue } from './fields.ts';
import { mergeSources, type GivenValue, type GivenValues } from './merge-sources.ts';
import { fieldsRead, type ModuleFields } from './modules.ts';
import type { RuleBreach, RuleInput } from './rule-breach.ts';
import { breachedRules } from './setting-rules.ts';
import { suggestName } from './suggest-name.ts';

/** The settings of a module, typed, with units in their names. */
export type ModuleSettings<M extends ModuleFields> = {
  readonly [K in M['required'][number] | M['defaulted'][number]]: FieldValue<K>;
} & {
  readonly [K in M['optional'][number] | M['withoutEffect'][number]]: FieldValue<K> | undefined;
};

export interface LoadedSettings<M extends ModuleFields> {
  readonly settings: ModuleSettings<M>;
  /** What the sources gave, by field name, and where. */
  readonly given: GivenValues;
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
 * @throws ConfigurationError `CONFIG_INVALID` naming every wrong, missing and unknown field in one message, those of an
 *   entity included that it would only warn of: a missing field may well be a misspelled one. Others from the sources
 */
export async function loadSettings<M extends ModuleFields>(
  module: M,
  deployment: Deployment,
  sources: readonly SettingsSource[],
): Promise<LoadedSettings<M>> {
  const given = withoutNone(await mergeSources(sources));
  const unknown = unknownFields(given);
  const problems: Problem[] = unknown.filter(({ name }) => given.get(name)?.ifUnknown === 'error');
  const passedBy = unknown.filter(({ name }) => given.get(name)?.ifUnknown === 'warning');
  const warnings: string[] = passedBy.map(sentence);
  const settings: Record<string, unknown> = {};
  for (const [key, field] of ENTRIES) {
    const read = readField(key, field, module, deployment, given.get(field.name));
    if (read === undefined) continue;
    if ('problems' in read) problems.push(...read.problems);
    else if ('warning' in read) warnings.push(read.warning);
    else {
      settings[key] = read.value;
      const problem = read.value === undefined ? undefined : field.warn?.(read.value);
      if (problem !== undefined) warnings.push(sentence({ name: field.name, from: read.from, problem }));
    }
  }
  const reading = fieldsRead(module);
  const wasGiven = (key: FieldKey): boolean => reading.has(key) && given.get(FIELDS[key].name)?.value !== undefined;
  const input: RuleInput = { settings, wasGiven };
  const located = ({ key, problem }: RuleBreach): Problem => {
    const { name } = FIELDS[key];
    return { name, from: given.get(name)?.from, problem };
  };
  // A field that is wrong by itself is told once.
  const wrong = new Set(problems.map(({ name }) => name));
  problems.push(
    ...breachedRules(input)
      .map(located)
      .filter(({ name }) => !wrong.has(name)),
  );
  if (problems.length > 0) throw invalid(module, problems, passedBy);
  warnings.push(...adapterWarnings(input).map((breach) => sentence(located(breach))));
  return { settings: settings as ModuleSettings<M>, given, warnings };
}

/** Where a field documents `None` as its default, the text `None` leaves it out. */
function withoutNone(given: GivenValues): GivenValues {
  const documented = new Set(ENTRIES.filter(([, field]) => field.noneIsLeftOut).map(([, field]) => field.name));
  return new Map(
    Array.from(given, ([name, entry]) => [
      name,
      entry.value === 'None' && documented.has(name) ? { ...entry, value: undefined } : entry,
    ]),
  );
}

type FieldReading =
  | { readonly value: unknown; readonly from: string | undefined }
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
  const { name } = field;
  const from = given?.from;
  if (module.withoutEffect.includes(key)) {
    if (given?.value === undefined) return { value: undefined, from };
    return { warning: sentence({ name, from, problem: 'has no effect: only a fleet uses it' }) };
  }
  if (!fieldsRead(module).has(key)) return undefined;
  const raw = given?.value ?? (module.defaulted.includes(key) ? field.defaults[deployment] : undefined);
  if (raw === undefined) {
    const required = module.required.includes(key) || (deployment === 'fleet' && module.fleetRequired.includes(key));
    if (!required) return { value: undefined, from };
    return { problems: [{ name, from, problem: `is missing: ${field.description}` }] };
  }
  if (raw === fieldPlaceholder(field)) {
    return { problems: [{ name, from, problem: `still says ${raw}: put a value there, ${field.description}` }] };
  }
  const parsed = field.schema.safeParse(raw);
  if (parsed.success) return { value: parsed.data, from };
  // A list with three wrong entries breaks one rule three times: once is enough to be told.
  const messages = new Set(parsed.error.issues.map((issue) => issue.message));
  return { problems: [...messages].map((problem) => ({ name, from, problem })) };
}

function unknownFields(given: GivenValues): Problem[] {
  const unknown = [...given].filter(([name]) => !FIELD_NAMES.includes(name));
  return unknown.map(([name, { from }]) => {
    const suggestion = suggestName(name, FIELD_NAMES);
    const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    return { name, from, problem: `is not a field that this tool knows${hint}` };
  });
}

function invalid(module: ModuleFields, problems: readonly Problem[], passedBy: readonly Problem[]): ConfigurationError {
  const count = problems.length === 1 ? 'One setting is wrong' : `${problems.length} settings are wrong`;
  const lines = [`${count} (${module.name}):`, ...problems.map(indented)];
  if (passedBy.length > 0) lines.push('Also given, and passed by:', ...passedBy.map(indented));
  return new ConfigurationError('CONFIG_INVALID', lines.join('\n'));
}

function indented(problem: Problem): string {
  return `  ${sentence(problem)}`;
}

function sentence({ name, from, problem }: Problem): string {
  return `${name}${from === undefined ? '' : ` (${from})`} ${problem}`;
}
