import { z } from 'zod';
import { normalizeRootPrefix } from '../domain/key-mapping.ts';
import { nameViolation } from '../domain/object-name-rules.ts';
import { anyText, parseNestedMap, parseNestedText, text } from './value-schemas.ts';

/** The message of the first rule that the value breaks. */
function rules(checks: readonly (readonly [(value: string) => boolean, string])[]): z.ZodType<string> {
  return text.superRefine((value, context) => {
    const broken = checks.find(([holds]) => !holds(value));
    if (broken !== undefined) context.addIssue({ code: 'custom', message: broken[1] });
  });
}

/**
 * Buckets made before 2018 in us-east-1 may have upper-case letters, underscores and up to 255 characters.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
export const s3Bucket = rules([
  [(v) => !v.includes('://'), 'must be the bare bucket name, without s3:// and without a prefix (use s3_root_prefix)'],
  [(v) => !v.startsWith('arn:'), 'must be a bucket name or an access point alias, not an ARN'],
  [(v) => !v.includes('/'), 'must be the bucket name only; what follows the slash belongs in s3_root_prefix'],
  [(v) => /^[A-Za-z0-9._-]{3,255}$/.test(v), 'must be 3 to 255 letters, digits, dots, hyphens or underscores'],
]);

/** @see https://cloud.google.com/storage/docs/buckets#naming */
export const gcsBucket = rules([
  [(v) => !v.includes('://'), 'must be the bare bucket name, without gs:// and without a prefix (use gcs_root_prefix)'],
  [(v) => !v.includes('/'), 'must be the bucket name only; what follows the slash belongs in gcs_root_prefix'],
  [
    (v) => /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(v) && v.split('.').every((part) => part.length <= 63),
    'must be 3 to 63 lower-case letters, digits, hyphens, underscores or dots, with a letter or digit at both ends',
  ],
]);

/** A folder of the S3 bucket, normalised to end in a slash; empty is the whole bucket. */
export const s3RootPrefix = anyText
  .refine((v) => !v.includes('://'), 'must be the prefix only, without s3:// and the bucket (use s3_bucket)')
  .refine((v) => Buffer.byteLength(v) < 1024, 'must be shorter than 1,024 bytes, the longest key there is')
  .transform(normalizeRootPrefix);

/** A folder of the GCS bucket, normalised to end in a slash; empty is the whole bucket. */
export const gcsRootPrefix = anyText
  .refine((v) => !v.includes('://'), 'must be the prefix only, without gs:// and the bucket (use gcs_bucket)')
  .transform(normalizeRootPrefix)
  .superRefine((prefix, context) => {
    const violation = prefix === '' ? undefined : nameViolation(`${prefix}x`);
    if (violation !== undefined) context.addIssue({ code: 'custom', message: `cannot be used: ${violation}` });
  });

/** A leading slash is part of the key and hardly ever meant. */
export function warnOfLeadingSlash(prefix: string): string | undefined {
  return prefix.startsWith('/') ? 'begins with a slash, which then is part of every key' : undefined;
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html */
const S3_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
  'EXPRESS_ONEZONE',
  'OUTPOSTS',
  'SNOW',
  'FSX_OPENZFS',
  'FSX_ONTAP',
] as const;

const upper = z
  .string({ error: 'must hold names of storage classes only' })
  .transform((value) => value.trim().toUpperCase());
const s3Class = upper.pipe(
  z.enum(S3_CLASSES, { error: `must name S3 storage classes (ALL, or of ${S3_CLASSES.join(', ')})` }),
);

function isS3Class(value: string): boolean {
  return s3Class.safeParse(value).success && value === value.toUpperCase();
}

/** S3 storage classes as a list or separated by commas; `ALL` is read as the empty list, which means any. */
export const s3StorageClasses: z.ZodType<readonly string[]> = z.preprocess(
  (value) => {
    const parsed = parseNestedText(value, '[');
    const list: unknown = typeof parsed === 'string' ? parsed.split(',') : parsed;
    if (!Array.isArray(list) || list.length > 1) return list;
    // An empty list names no class; what is read as one names any.
    const [only = ''] = list as readonly unknown[];
    return typeof only === 'string' && /^\s*all\s*$/i.test(only) ? [] : [only];
  },
  z.array(s3Class, { error: 'must be a list of S3 storage classes, or ALL' }),
);

/** @see https://cloud.google.com/storage/docs/storage-classes */
const GCS_CLASSES = ['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE'] as const;

const gcsClass = upper.pipe(z.enum(GCS_CLASSES));

/** GCS storage class of what is written: one for all objects, or one for each S3 class that the map names. */
export type GcsStorageClassRule = string | Readonly<Record<string, string>>;

export const gcsStorageClassRule: z.ZodType<GcsStorageClassRule> = z.preprocess(
  parseNestedMap,
  z.union([gcsClass, z.record(z.string(), gcsClass).refine((map) => Object.keys(map).every(isS3Class))], {
    error: `must be a GCS storage class (${GCS_CLASSES.join(', ')}), or a map from S3 to GCS storage classes`,
  }),
);
