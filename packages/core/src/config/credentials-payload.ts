import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { flag, integer } from './value-schemas.ts';

/** No message of a schema in this file may repeat a value. */
const error = (issue: { readonly input: unknown }): string =>
  issue.input === undefined ? 'is missing' : 'must be text';
const word = z.string({ error }).min(1, 'must not be empty').regex(/^\S*$/, 'must not hold white space');

/** Null and the empty text count as left out. */
function optional<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional());
}

const host = word
  .refine((value) => !value.includes('/'), 'must be a host name or an address, not a URL or a path')
  .refine(
    (value) => !value.includes(':') || isIPv6(value),
    'must be a host name or an address: the port goes into mysql_config.port',
  );

const MYSQL_FIELDS = {
  host,
  port: optional(integer(1, 65_535)),
  user: word,
  password: z.string({ error }),
  database: word,
  ssl_disabled: optional(flag),
  ssl_ca: optional(
    z.string({ error }).includes('-----BEGIN CERTIFICATE-----', { error: 'must be certificates as PEM text' }),
  ),
  ssl_verify_identity: optional(flag),
};

const mysqlConfig = z
  .object(MYSQL_FIELDS, { error: 'must be an object' })
  .refine((mysql) => mysql.ssl_verify_identity !== false || given(mysql.ssl_ca) || mysql.ssl_disabled === true, {
    path: ['ssl_verify_identity'],
    message: 'must not be false without ssl_ca: any certificate of any public authority would do',
  });

const FIELDS = {
  aws_key_id: optional(word),
  aws_key_secret: optional(word),
  aws_session_token: optional(word),
  mysql_config: optional(mysqlConfig),
};

/** The payload that the reference tool documents, with `port`, `ssl_ca`, `ssl_verify_identity` and `aws_session_token` in addition. */
export const credentialsPayload = z
  .object(FIELDS, { error: 'must be an object: { "aws_key_id": …, "mysql_config": … }' })
  .refine((keys) => given(keys.aws_key_id) || !(given(keys.aws_key_secret) || given(keys.aws_session_token)), {
    path: ['aws_key_id'],
    message: 'is missing: the rest of the key is given',
    when: isPayload,
  })
  .refine((keys) => given(keys.aws_key_secret) || !(given(keys.aws_key_id) || given(keys.aws_session_token)), {
    path: ['aws_key_secret'],
    message: 'is missing: the rest of the key is given',
    when: isPayload,
  });

function given(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** A rule about several fields is looked at even where some field is wrong by itself: all is told at once. */
function isPayload({ value }: { readonly value: unknown }): boolean {
  return isRecord(value);
}

export type CredentialsPayload = z.infer<typeof credentialsPayload>;

/** Every field of the payload, `mysql_config.x` for those inside of it. */
export const CREDENTIALS_NAMES: readonly string[] = [
  ...Object.keys(FIELDS),
  ...Object.keys(MYSQL_FIELDS).map((name) => `mysql_config.${name}`),
];

/** A payload to fill in. */
export const EXAMPLE_CREDENTIALS = {
  aws_key_id: '',
  aws_key_secret: '',
  mysql_config: {
    host: '<host>',
    user: '<user>',
    password: '<password>',
    database: '<database>',
    ssl_disabled: false,
  },
} as const satisfies Readonly<Partial<Record<keyof typeof FIELDS, unknown>>>;

/** Fields of the payload that nobody reads, `mysql_config.x` for those inside of it. */
export function unknownNames(payload: unknown): string[] {
  const inner = isRecord(payload) ? payload['mysql_config'] : undefined;
  return [...namesBeside(FIELDS, payload), ...namesBeside(MYSQL_FIELDS, inner).map((name) => `mysql_config.${name}`)];
}

function namesBeside(known: Readonly<Record<string, unknown>>, value: unknown): readonly string[] {
  return isRecord(value) ? Object.keys(value).filter((name) => !Object.hasOwn(known, name)) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
