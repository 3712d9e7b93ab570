import { NAME_POLICIES } from '../domain/object-name-rules.ts';
import { gcsBucket, gcsRootPrefix, gcsStorageClassRule, warnOfLeadingSlash } from './bucket-schemas.ts';
import { field } from './field.ts';
import { choice } from './value-schemas.ts';

const OVERWRITE_POLICIES = ['if-different', 'always', 'never'] as const;
export type OverwritePolicy = (typeof OVERWRITE_POLICIES)[number];

/** Where it goes. */
export const DESTINATION_FIELDS = {
  gcsBucket: field({
    name: 'gcs_bucket',
    description: 'GCS bucket to write',
    valueName: 'bucket',
    schema: gcsBucket,
  }),
  gcsRootPrefix: field({
    name: 'gcs_root_prefix',
    description: 'folder of the GCS bucket that takes the place of s3_root_prefix; empty for the whole bucket',
    valueName: 'prefix',
    schema: gcsRootPrefix,
    default: '',
    warn: warnOfLeadingSlash,
  }),
  partsBucket: field({
    name: 'parts_bucket',
    description:
      'GCS bucket of the same location for the temporary parts of large objects, best without soft delete; default: gcs_bucket',
    valueName: 'bucket',
    schema: gcsBucket,
  }),
  overwrite: field({
    name: 'overwrite',
    description: 'what happens to a GCS object of the same name: replaced if-different, always or never',
    valueName: 'policy',
    schema: choice(OVERWRITE_POLICIES),
    default: 'if-different',
  }),
  forbiddenNames: field({
    name: 'forbidden_names',
    description: 'objects whose name GCS forbids: fail reports them, rename percent-encodes or shortens the name',
    valueName: 'policy',
    schema: choice(NAME_POLICIES),
    default: 'fail',
  }),
  gcsStorageClass: field({
    name: 'gcs_storage_class',
    description: 'GCS storage class for all objects, or a map from S3 to GCS classes; default: that of the bucket',
    valueName: 'class',
    schema: gcsStorageClassRule,
  }),
};
