import { CDN_FIELDS } from './cdn-fields.ts';
import { CHECK_FIELDS } from './check-fields.ts';
import { DESTINATION_FIELDS } from './destination-fields.ts';
import type { Field } from './field.ts';
import { FLEET_FIELDS } from './fleet-fields.ts';
import { LIMIT_FIELDS } from './limit-fields.ts';
import { PROCESS_FIELDS } from './process-fields.ts';
import { QUEUE_FIELDS } from './queue-fields.ts';
import { SOURCE_FIELDS } from './source-fields.ts';

/** Every field that any module knows, by the name that the code uses for its value. */
export const FIELDS = {
  ...SOURCE_FIELDS,
  ...DESTINATION_FIELDS,
  ...CDN_FIELDS,
  ...CHECK_FIELDS,
  ...QUEUE_FIELDS,
  ...PROCESS_FIELDS,
  ...LIMIT_FIELDS,
  ...FLEET_FIELDS,
};

export type FieldKey = keyof typeof FIELDS;
export type FieldValue<K extends FieldKey> = (typeof FIELDS)[K] extends Field<infer T> ? T : never;
