import { ConfigurationError } from '../domain/errors.ts';

/** An entity as the generated client gives it. */
interface Entity {
  readonly properties?: Readonly<Record<string, Value>> | null;
}

/** One of these is set. int64 arrive as decimal text. */
interface Value {
  readonly stringValue?: string | null;
  readonly booleanValue?: boolean | null;
  readonly doubleValue?: number | null;
  readonly integerValue?: unknown;
  readonly timestampValue?: { readonly seconds?: unknown; readonly nanos?: number | null } | null;
  readonly arrayValue?: { readonly values?: readonly Value[] | null } | null;
  readonly entityValue?: Entity | null;
  readonly nullValue?: unknown;
  readonly keyValue?: unknown;
  readonly geoPointValue?: unknown;
}

/**
 * The properties of an entity as plain values: text, numbers, booleans, null, dates, lists and maps.
 * @param where names the entity in errors
 * @throws ConfigurationError `CONFIG_INVALID` naming a property that is none of these, or a number that would not stay exact
 * @see https://cloud.google.com/datastore/docs/reference/data/rpc/google.datastore.v1#value
 */
export function entitySettings(entity: Entity, where: string): Record<string, unknown> {
  const properties = Object.entries(entity.properties ?? {});
  return Object.fromEntries(properties.map(([name, value]) => [name, plainValue(value, name, where)]));
}

function plainValue(value: Value, path: string, where: string): unknown {
  if (typeof value.stringValue === 'string') return value.stringValue;
  if (typeof value.booleanValue === 'boolean') return value.booleanValue;
  if (typeof value.doubleValue === 'number') return value.doubleValue;
  if (isGiven(value.integerValue)) return exactInteger(String(value.integerValue), path, where);
  if (isGiven(value.timestampValue)) {
    const { seconds, nanos } = value.timestampValue;
    return new Date(Number(seconds ?? 0) * 1000 + Math.trunc((nanos ?? 0) / 1e6));
  }
  if (isGiven(value.arrayValue)) {
    return (value.arrayValue.values ?? []).map((item, index) => plainValue(item, `${path}[${index}]`, where));
  }
  if (isGiven(value.entityValue)) {
    const entries = Object.entries(value.entityValue.properties ?? {});
    return Object.fromEntries(entries.map(([name, item]) => [name, plainValue(item, `${path}.${name}`, where)]));
  }
  if (isGiven(value.nullValue)) return null;
  throw unusable(path, where, `holds ${otherType(value)}, which no setting is; write it as text`);
}

function exactInteger(decimal: string, path: string, where: string): number {
  const number = Number(decimal);
  if (Number.isSafeInteger(number)) return number;
  throw unusable(
    path,
    where,
    `holds ${decimal}, a whole number beyond 2^53 that would not stay exact; write it as text`,
  );
}

function otherType(value: Value): string {
  if (isGiven(value.keyValue)) return 'a key';
  if (isGiven(value.geoPointValue)) return 'a geographical point';
  return 'bytes';
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function unusable(path: string, where: string, problem: string): ConfigurationError {
  return new ConfigurationError('CONFIG_INVALID', `${path} (${where}) ${problem}`, { source: where });
}
