import { s3Bucket, s3RootPrefix, s3StorageClasses, warnOfLeadingSlash } from './bucket-schemas.ts';
import { field } from './field.ts';
import { dateTime, textList, word } from './value-schemas.ts';

function warnOfLeadingSlashIn(globs: readonly string[]): string | undefined {
  const glob = globs.find((candidate) => candidate.startsWith('/'));
  return glob === undefined
    ? undefined
    : `holds ${JSON.stringify(glob)}: globs match the key below the root, which has no leading slash`;
}

/** What is transferred. */
export const SOURCE_FIELDS = {
  awsRegion: field({
    name: 'aws_region',
    description: 'AWS region of the S3 bucket',
    valueName: 'region',
    schema: word,
  }),
  s3Bucket: field({
    name: 's3_bucket',
    description: 'S3 bucket to read',
    valueName: 'bucket',
    schema: s3Bucket,
  }),
  s3RootPrefix: field({
    name: 's3_root_prefix',
    description: 'folder of the S3 bucket whose content is transferred; empty for the whole bucket',
    valueName: 'prefix',
    schema: s3RootPrefix,
    default: '',
    warn: warnOfLeadingSlash,
  }),
  // The reference tool leaves everything but STANDARD behind unless told otherwise. Its entities keep that meaning;
  // elsewhere leaving objects out is what has to be asked for.
  storageClasses: field({
    name: 'storage_class',
    description: 'S3 storage classes that take part, separated by commas; ALL for any',
    valueName: 'classes',
    schema: s3StorageClasses,
    default: { embedded: 'ALL', fleet: 'STANDARD' },
  }),
  lastModifiedBefore: field({
    name: 'last_modified_before',
    description: 'only objects modified before this date and time (UTC where no offset is given)',
    valueName: 'datetime',
    schema: dateTime('latest'),
    default: 'latest',
  }),
  lastModifiedAfter: field({
    name: 'last_modified_after',
    description: 'only objects modified at or after this date and time (UTC where no offset is given)',
    valueName: 'datetime',
    schema: dateTime('initial'),
    default: 'initial',
  }),
  include: field({
    name: 'include',
    description: 'only keys below the root that match this glob (* within a folder, ** across folders)',
    valueName: 'glob',
    schema: textList,
    default: [],
    repeatable: true,
    warn: warnOfLeadingSlashIn,
  }),
  exclude: field({
    name: 'exclude',
    description: 'no keys below the root that match this glob; wins over include',
    valueName: 'glob',
    schema: textList,
    default: [],
    repeatable: true,
    warn: warnOfLeadingSlashIn,
  }),
};
