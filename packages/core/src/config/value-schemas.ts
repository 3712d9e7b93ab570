import { z } from 'zod';
import { parseLiteralText } from './literal-text.ts';

/**
 * Schemas of the kinds of values that configuration fields hold. Entities of the reference tool, flags and YAML write
 * one value in several ways (`10` and `"10"`, `True` and `true`, a map and its JSON text): all of them are read.
 * Messages say what the value must be; the field's name and origin are put in front by `load-settings.ts`.
 */

export const anyText = z
  .string({ error: 'must be text; in YAML, quote a value that looks like a number' })
  // Half a surrogate pair has no UTF-8 form: neither a request nor a file name could hold it.
  .refine((value) => value.isWellFormed(), 'must be Unicode text');

export const text = anyText.min(1);

/** Text for which white space can only be an accident: a name, an id. */
export const word = text.regex(/^\S+$/, 'must not hold white space');

/** A whole number, also as decimal text. */
export function integer(
  min: number,
  max: number,
  error = `must be a whole number from ${min} to ${max}`,
): z.ZodType<number> {
  return z.preprocess(
    (value) => (typeof value === 'string' && /^[+-]?\d{1,15}$/.test(value.trim()) ? Number(value) : value),
    z.int({ error }).min(min, { error }).max(max, { error }),
  );
}

/** `true` or `false`, also as text in any case: Python writes `True`. */
export const flag: z.ZodType<boolean> = z.preprocess(
  (value) => {
    const lower = typeof value === 'string' ? value.trim().toLowerCase() : value;
    return lower === 'true' ? true : lower === 'false' ? false : value;
  },
  z.boolean({ error: 'must be true or false' }),
);

export function choice<const T extends string>(values: readonly T[]): z.ZodType<T> {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

/** A size given in whole MiB, read as bytes. */
export function mebibytes(min: number, max: number): z.ZodType<number> {
  return integer(min, max).transform((mib) => mib * 1024 * 1024);
}

/** A time given in whole seconds, read as milliseconds. */
export function secondsAsMs(min: number, max: number): z.ZodType<number> {
  return integer(min, max).transform((seconds) => seconds * 1000);
}

const isoDateTime = z.iso.datetime({ offset: true, local: true });

/**
 * An ISO 8601 date or date and time; UTC where it names no offset, as the reference tool has it.
 * @param openEnded the word by which the reference tool says "no limit"
 */
export function dateTime(openEnded: string): z.ZodType<Date | undefined> {
  const message = `must be a date and time like 2024-01-31T18:00:00Z, or "${openEnded}" for no limit`;
  return z.union([z.date(), z.string()], { error: message }).transform((value, context) => {
    if (value instanceof Date) return value;
    const iso = value.trim().replace(/^(\d{4}-\d\d-\d\d) (?=\d)/, '$1T');
    if (iso === openEnded) return undefined;
    if (z.iso.date().safeParse(iso).success) return new Date(`${iso}T00:00:00Z`);
    const local = !/(?:Z|[+-]\d\d:\d\d)$/.test(iso);
    if (isoDateTime.safeParse(iso).success) return new Date(local ? `${iso}Z` : iso);
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** Text is read as JSON or as Python's dict where it begins like it, so that flags and entities can carry maps and lists. */
export function parseNestedText(value: unknown, opening: '{' | '['): unknown {
  if (typeof value !== 'string' || !value.trimStart().startsWith(opening)) return value;
  try {
    return parseLiteralText(value);
  } catch {
    // Not a lost error: the schema behind this says what is expected instead of the text.
    return value;
  }
}

/** {@link parseNestedText} of a map. Its schema would pass by what is called `__proto__`, which then has no effect. */
export function parseNestedMap(value: unknown, context: z.RefinementCtx): unknown {
  const map = parseNestedText(value, '{');
  if (typeof map === 'object' && map !== null && Object.hasOwn(map, '__proto__')) {
    context.addIssue({ code: 'custom', message: 'must not have the name __proto__ in it' });
  }
  return map;
}

/** A map of text to text, also as JSON text or a Python dict. */
export const textMap: z.ZodType<Readonly<Record<string, string>>> = z.preprocess(
  parseNestedMap,
  z
    .record(z.string().min(1, 'must not have an empty name in it'), z.string('must hold text only'), {
      error: 'must be a map of text to text, or one as JSON text',
    })
    .refine((map) => Object.entries(map).flat().every(isWellFormed), 'must hold Unicode text only'),
);

function isWellFormed(value: string): boolean {
  return value.isWellFormed();
}

/** A list of texts, also as JSON text; a single text is a list of one. */
export const textList: z.ZodType<readonly string[]> = z.preprocess(
  (value) => {
    const parsed = parseNestedText(value, '[');
    return typeof parsed === 'string' ? [parsed] : parsed;
  },
  z.array(text, { error: 'must be a list of texts' }),
);
