import { z } from 'zod';
import { ConfigurationError } from './errors.ts';

/**
 * A list of keys to be transferred, one a line. `diff --format manifest` writes objects, `{"dir":"2019/","key":"photos/2019/a.jpg"}`;
 * read are these, with further fields or without `dir`, and the key alone as a JSON string. A bare key is no line: it
 * could hold a line feed, and nobody could tell one that begins with a quote or a brace.
 */
export interface ManifestEntry {
  /** The row that the key belongs to; `undefined` where the line does not say. */
  readonly dir: string | undefined;
  /** As S3 has it: with the root prefix. */
  readonly key: string;
}

// A lone surrogate has no UTF-8 form: neither S3 nor GCS can have such a name.
const nameSchema = z.string().refine((name) => name.isWellFormed(), 'must be well-formed Unicode');
const keySchema = nameSchema.min(1, 'must not be empty');
const entrySchema = z.union([
  keySchema.transform((key): ManifestEntry => ({ dir: undefined, key })),
  z.object({ dir: nameSchema.optional(), key: keySchema }).transform(({ dir, key }): ManifestEntry => ({ dir, key })),
]);

/** @returns the line without its end */
export function encodeManifestLine({ dir, key }: ManifestEntry): string {
  return JSON.stringify({ dir, key });
}

/**
 * @param line without its end, or with a carriage return; a byte order mark at its start is ignored
 * @param origin where the line stands, for the message: `keys.jsonl line 7`
 * @returns `undefined` for a blank line
 * @throws ConfigurationError `CONFIG_INVALID` for what is no line of a manifest
 */
export function decodeManifestLine(line: string, origin: string): ManifestEntry | undefined {
  const text = line.trim();
  if (text === '') return undefined;
  const parsed = entrySchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new ConfigurationError(
    'CONFIG_INVALID',
    `${origin} is neither {"dir":…,"key":…} nor a key as a JSON string: ${text.slice(0, MAX_SHOWN_CHARACTERS)}`,
    { op: 'readManifest', source: origin },
  );
}

const MAX_SHOWN_CHARACTERS = 100;

/** @returns `undefined` for what is not JSON */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
