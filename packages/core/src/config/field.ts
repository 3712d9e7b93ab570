import type { z } from 'zod';

/**
 * The two sizes of the system. Embedded: one machine, SQLite, files and flags. Fleet: MySQL, Pub/Sub and Datastore
 * entities, with the defaults that the reference tool documents.
 */
export type Deployment = 'embedded' | 'fleet';

/** A value as it would be written in a file. */
export type RawValue = string | number | boolean | readonly string[];

/** One configuration field: the only place that knows its name, its meaning, its shape and its defaults. */
export interface Field<T> {
  /** As in the reference configuration. */
  readonly name: string;
  /** One line for `--help` and for an example file. */
  readonly description: string;
  /** Stands for the value in `--help`: `--s3-bucket <bucket>`. */
  readonly valueName: string;
  readonly schema: z.ZodType<T>;
  /** What holds where the field is left out; a module may demand the field instead. */
  readonly defaults: Readonly<Partial<Record<Deployment, RawValue>>>;
  /** The flag may be given several times. */
  readonly repeatable: boolean;
  /** The text `None` counts as left out: the reference tool documents `None` as the default. */
  readonly noneIsLeftOut: boolean;
  /** Something that is allowed and most likely not meant. */
  readonly warn: ((value: T) => string | undefined) | undefined;
}

interface FieldOptions<T> {
  readonly name: string;
  readonly description: string;
  readonly valueName: string;
  readonly schema: z.ZodType<T>;
  /** One default for both deployments, or one for each. */
  readonly default?: RawValue | Readonly<Record<Deployment, RawValue>>;
  readonly repeatable?: boolean;
  readonly noneIsLeftOut?: boolean;
  readonly warn?: (value: T) => string | undefined;
}

export function field<T>(options: FieldOptions<T>): Field<T> {
  const { name, description, valueName, schema, default: value, warn } = options;
  const { repeatable = false, noneIsLeftOut = false } = options;
  return { name, description, valueName, schema, defaults: defaultsOf(value), repeatable, noneIsLeftOut, warn };
}

function defaultsOf(value: FieldOptions<unknown>['default']): Field<unknown>['defaults'] {
  if (value === undefined) return {};
  if (typeof value === 'object' && 'embedded' in value) return value;
  return { embedded: value, fleet: value };
}

/** What stands for a value in `--help` and in an example file that nobody has filled in. */
export function fieldPlaceholder({ valueName }: Pick<Field<unknown>, 'valueName'>): string {
  return `<${valueName}>`;
}

/** The flag of a field: `s3_bucket` is `--s3-bucket`. */
export function fieldFlag(name: string): string {
  return `--${name.replaceAll('_', '-')}`;
}
