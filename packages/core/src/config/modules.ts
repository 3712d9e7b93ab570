import type { FieldKey } from './fields.ts';

/**
 * Which fields a module reads. One file may serve all modules: a field that only another module reads is passed by.
 * Fields of the fleet are read in a fleet; elsewhere they are named in a warning, because they have no effect.
 */
export interface ModuleFields {
  readonly name: string;
  readonly required: readonly FieldKey[];
  /** Left out, the field's default holds. */
  readonly defaulted: readonly FieldKey[];
  readonly optional: readonly FieldKey[];
  readonly fleetRequired: readonly FieldKey[];
  readonly fleetOptional: readonly FieldKey[];
}

const COMMON = ['loggerName', 'logLevel', 'state'] as const;
const FLEET_COMMON = ['gcpProject', 'mysqlTable', 'credentialsSecretId'] as const;
const FILTER = ['storageClasses', 'lastModifiedBefore', 'lastModifiedAfter', 'include', 'exclude'] as const;
const PACKING = ['maxMessagesPerBatch', 'numSingleMessage', 'numSingleMessageBytes'] as const;
const CDN_OPTIONAL = [
  'cdnAuth',
  'urlSignerPrivateKeySecretId',
  'urlSignerPrivateKeyFile',
  'urlSignerKeyPairId',
] as const;
const TRANSFER = [
  'gcsRootPrefix',
  'overwrite',
  'forbiddenNames',
  'replaceKeyParts',
  'urlSignerHashAlgorithm',
  'signedUrlExpireMs',
  'allowDirectS3',
  'initialConcurrency',
  'maxConcurrency',
  'memoryBudgetBytes',
  'partSizeBytes',
  'maxAttempts',
] as const;

export const DUMP = {
  name: 'dump',
  required: ['s3Bucket'],
  defaulted: [...COMMON, 's3RootPrefix'],
  optional: ['awsRegion'],
  fleetRequired: FLEET_COMMON,
  fleetOptional: ['insertQuery'],
} as const satisfies ModuleFields;

export const PUBLISHER_OBJECTS = {
  name: 'publisher objects',
  required: ['s3Bucket'],
  defaulted: [...COMMON, 's3RootPrefix', ...FILTER, ...PACKING, 'leaseMs'],
  optional: ['awsRegion'],
  fleetRequired: [...FLEET_COMMON, 'pubsubTopicId'],
  fleetOptional: ['pullQuery', 'updateQuery'],
} as const satisfies ModuleFields;

export const WORKER_CDN_TRANSFER = {
  name: 'worker cdnTransfer',
  required: ['s3Bucket', 'gcsBucket', 'cloudfrontUrlHostPre'],
  defaulted: [...COMMON, 's3RootPrefix', ...TRANSFER, 'numMessages', 'leaseMs'],
  optional: ['awsRegion', 'gcsStorageClass', ...CDN_OPTIONAL],
  fleetRequired: [...FLEET_COMMON, 'pubsubSubscriptionId', 'errorPubsubTopicId'],
  fleetOptional: [],
} as const satisfies ModuleFields;

export const RUN = {
  name: 'run',
  required: ['s3Bucket', 'gcsBucket', 'cloudfrontUrlHostPre'],
  defaulted: [...COMMON, 's3RootPrefix', ...FILTER, ...PACKING, ...TRANSFER, 'numMessages', 'leaseMs', 'processes'],
  optional: ['awsRegion', 'gcsStorageClass', ...CDN_OPTIONAL],
  fleetRequired: [...FLEET_COMMON, 'pubsubTopicId', 'pubsubSubscriptionId', 'errorPubsubTopicId'],
  fleetOptional: ['insertQuery', 'pullQuery', 'updateQuery', 'startQuery', 'endQuery'],
} as const satisfies ModuleFields;
