import { z } from 'zod';
import { MessageError } from './errors.ts';
import type { ExpectedObject } from './source-object.ts';

/**
 * What goes over the queue, as JSON.
 *
 * Object messages: `{"v":2,"dir":"photos/2019/","objects":[{"k":key,"s":size,"e":etag}, …]}`.
 * Subfolder messages: `{"v":2,"dirs":["photos/2019/", …]}`.
 * The reference tool publishes an array of strings, which are keys or subfolders as the topic says, and in places the
 * same array wrapped in another: both are read too.
 */

/** `v2`: the objects above. `reference`: the array of strings, which the reference tool's workers read, too. */
export const MESSAGE_FORMATS = ['v2', 'reference'] as const;
export type MessageFormat = (typeof MESSAGE_FORMATS)[number];

/** An object of a message. Size and ETag are absent in messages of the reference tool. */
export interface MessageObject {
  readonly key: string;
  readonly expected: ExpectedObject | undefined;
}

export interface ObjectMessage {
  /** The subfolder row that the keys belong to; `undefined` in messages of the reference tool. */
  readonly dir: string | undefined;
  readonly objects: readonly MessageObject[];
}

export interface SubfolderMessage {
  readonly dirs: readonly string[];
}

/** Google's limit for one request is 10 MB; a message stays well below it. */
export const MAX_MESSAGE_BYTES = 5_000_000;

const MAX_REASON_CHARACTERS = 500;

// A lone surrogate has no UTF-8 form: neither S3 nor GCS can have such a name.
const nameSchema = z.string().refine((name) => name.isWellFormed(), 'must be well-formed Unicode');
const keySchema = nameSchema.min(1);
const objectMessageSchema = z.object({
  v: z.literal(2),
  dir: nameSchema,
  objects: z.array(z.object({ k: keySchema, s: z.int().nonnegative(), e: z.string().min(1) })).min(1),
});
const subfolderMessageSchema = z.object({ v: z.literal(2), dirs: z.array(nameSchema).min(1) });
const referenceSchema = z.union([z.array(nameSchema).min(1), z.tuple([z.array(nameSchema).min(1)])]);

/** @throws MessageError `MESSAGE_TOO_LARGE` beyond {@link MAX_MESSAGE_BYTES} */
export function encodeObjectMessage(
  dir: string,
  objects: readonly ExpectedObject[],
  format: MessageFormat = 'v2',
): string {
  if (format === 'reference') return encodeKeysMessage(objects.map(({ key }) => key));
  return checkedSize(
    JSON.stringify({ v: 2, dir, objects: objects.map((o) => ({ k: o.key, s: o.sizeBytes, e: o.etag })) }),
  );
}

/** {@link encodeKeysMessage} of one. */
export function encodeKeyMessage(key: string): string {
  return encodeKeysMessage([key]);
}

/** For objects whose size and ETag nobody knows yet: the reference's shape, which asks the worker to look them up. */
export function encodeKeysMessage(keys: readonly string[]): string {
  return checkedSize(JSON.stringify(keys));
}

/** @throws MessageError `MESSAGE_TOO_LARGE` beyond {@link MAX_MESSAGE_BYTES} */
export function encodeSubfolderMessage(dirs: readonly string[], format: MessageFormat = 'v2'): string {
  return checkedSize(JSON.stringify(format === 'reference' ? dirs : { v: 2, dirs }));
}

/** @throws MessageError `MESSAGE_MALFORMED` for anything that is neither form: a poison message */
export function decodeObjectMessage(data: string): ObjectMessage {
  const json = parseJson(data);
  if (Array.isArray(json)) {
    return { dir: undefined, objects: referenceStrings(json).map((key) => ({ key, expected: undefined })) };
  }
  const parsed = objectMessageSchema.safeParse(json);
  if (!parsed.success) throw malformed(reasons(parsed.error), parsed.error);
  return {
    dir: parsed.data.dir,
    objects: parsed.data.objects.map((o) => ({ key: o.k, expected: { key: o.k, sizeBytes: o.s, etag: o.e } })),
  };
}

/** @throws MessageError `MESSAGE_MALFORMED` for anything that is neither form: a poison message */
export function decodeSubfolderMessage(data: string): SubfolderMessage {
  const json = parseJson(data);
  if (Array.isArray(json)) return { dirs: referenceStrings(json) };
  const parsed = subfolderMessageSchema.safeParse(json);
  if (!parsed.success) throw malformed(reasons(parsed.error), parsed.error);
  return { dirs: parsed.data.dirs };
}

function referenceStrings(json: unknown): readonly string[] {
  const parsed = referenceSchema.safeParse(json);
  if (!parsed.success) throw malformed('the array holds something other than strings, or nothing', parsed.error);
  const [first] = parsed.data;
  const strings = Array.isArray(first) ? first : (parsed.data as string[]);
  if (strings.includes('')) throw malformed('the array holds an empty string');
  return strings;
}

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (error) {
    throw malformed('it is not JSON', error);
  }
}

/** What is wrong, in one line: it goes into logs and attributes. */
function reasons(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ');
}

/** A message of thousands of wrong objects has thousands of reasons: the first ones will do. */
function malformed(reason: string, cause?: unknown): MessageError {
  const message = `malformed message: ${reason.slice(0, MAX_REASON_CHARACTERS)}`;
  return new MessageError('MESSAGE_MALFORMED', message, { op: 'decodeMessage', cause });
}

function checkedSize(message: string): string {
  const bytes = Buffer.byteLength(message);
  if (bytes <= MAX_MESSAGE_BYTES) return message;
  throw new MessageError('MESSAGE_TOO_LARGE', `a message of ${bytes} bytes exceeds ${MAX_MESSAGE_BYTES}`, {
    op: 'encodeMessage',
  });
}
