import type { FieldKey, FieldValue } from './fields.ts';

/** Values that were read so far; a field that is wrong by itself, or that the module does not read, is absent. */
export type PartialSettings = { readonly [K in FieldKey]?: FieldValue<K> | undefined };

export interface RuleInput {
  readonly settings: PartialSettings;
  /** True where the field was given at all, be it rightly or wrongly. */
  readonly wasGiven: (key: FieldKey) => boolean;
}

export interface RuleBreach {
  /** The field to put right. */
  readonly key: FieldKey;
  readonly problem: string;
}
