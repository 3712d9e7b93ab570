import type { Value } from './wire-types.ts';

/** What an entity is given without a client: text, numbers, booleans, null, dates, lists and maps of these. */
export type PlainValue =
  | string
  | number
  | boolean
  | null
  | Date
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue };

/** Properties as a client would send them. None is indexed, so that text may be long. */
export function wireProperties(properties: Readonly<Record<string, PlainValue>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, wireValue(value)]));
}

function wireValue(value: PlainValue): Value {
  const common = { excludeFromIndexes: true, meaning: 0 };
  if (value === null) return { ...common, valueType: 'nullValue', nullValue: 'NULL_VALUE' };
  if (typeof value === 'string') return { ...common, valueType: 'stringValue', stringValue: value };
  if (typeof value === 'boolean') return { ...common, valueType: 'booleanValue', booleanValue: value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value)
      ? { ...common, valueType: 'integerValue', integerValue: String(value) }
      : { ...common, valueType: 'doubleValue', doubleValue: value };
  }
  if (value instanceof Date) {
    const ms = value.getTime();
    const seconds = Math.floor(ms / 1000);
    const timestampValue = { seconds: String(seconds), nanos: (ms - seconds * 1000) * 1e6 };
    return { ...common, valueType: 'timestampValue', timestampValue };
  }
  if (isList(value)) {
    const arrayValue = { values: value.map(wireValue) };
    return { excludeFromIndexes: false, meaning: 0, valueType: 'arrayValue', arrayValue };
  }
  return { ...common, valueType: 'entityValue', entityValue: { key: null, properties: wireProperties(value) } };
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}
