import { invalidArgument } from './datastore-errors.ts';
import type { Value } from './wire-types.ts';

/** @see https://cloud.google.com/datastore/docs/concepts/limits */
const MAX_INDEXED_BYTES = 1500;
const MAX_UNINDEXED_BYTES = 1_048_487;

/**
 * Checks the properties of an entity and brings them into the form in which Datastore keeps them.
 * @throws {GrpcError} INVALID_ARGUMENT
 */
export function storableProperties(properties: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return mapProperties(properties, true);
}

function mapProperties(properties: Readonly<Record<string, Value>>, indexed: boolean): Readonly<Record<string, Value>> {
  const entries = Object.entries(properties).map(([name, value]): [string, Value] => {
    if (name === '') throw invalidArgument('The property.name is the empty string.');
    if (/^__.*__$/s.test(name)) throw invalidArgument(`The property.name "${name}" is reserved.`);
    return [name, storableValue(name, value, indexed)];
  });
  return Object.fromEntries(entries);
}

function storableValue(name: string, value: Value, indexedAround: boolean): Value {
  const indexed = indexedAround && !value.excludeFromIndexes;
  if (value.valueType === undefined) throw invalidArgument(`The value "${name}" does not contain a value.`);
  const bytes = value.blobValue?.length ?? (value.stringValue === undefined ? 0 : Buffer.byteLength(value.stringValue));
  const limit = indexed ? MAX_INDEXED_BYTES : MAX_UNINDEXED_BYTES;
  if (bytes > limit) throw invalidArgument(`The value of property "${name}" is longer than ${limit} bytes.`);
  const { timestampValue, entityValue, arrayValue } = value;
  if (timestampValue !== undefined) {
    // Datastore keeps microseconds.
    return {
      ...value,
      timestampValue: { ...timestampValue, nanos: timestampValue.nanos - (timestampValue.nanos % 1000) },
    };
  }
  if (entityValue !== undefined) {
    return { ...value, entityValue: { ...entityValue, properties: mapProperties(entityValue.properties, indexed) } };
  }
  if (arrayValue === undefined) return value;
  const values = arrayValue.values.map((item) => {
    if (item.arrayValue !== undefined) throw invalidArgument(`The array "${name}" holds an array.`);
    return storableValue(name, item, indexed);
  });
  return { ...value, arrayValue: { values } };
}

/** True where a query for this value finds the property: by its type too, and any item of an array. */
export function matchesValue(property: Value | undefined, wanted: Value): boolean {
  if (property === undefined) return false;
  if (property.arrayValue !== undefined) return property.arrayValue.values.some((item) => matchesValue(item, wanted));
  return !property.excludeFromIndexes && comparableText(property) === comparableText(wanted);
}

function comparableText(value: Value): string {
  const type = value.valueType ?? '';
  return JSON.stringify([type, (value as unknown as Readonly<Record<string, unknown>>)[type]]);
}
