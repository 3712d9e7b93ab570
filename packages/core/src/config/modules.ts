import type { FieldKey } from './fields.ts';

/**
 * Which fields a module reads. One file or entity may serve all modules: a field that only another module reads is
 * passed by.
 */
export interface ModuleFields {
  /** As the command line spells it. */
  readonly name: string;
  readonly required: readonly FieldKey[];
  /** Left out, the field's default holds. */
  readonly defaulted: readonly FieldKey[];
  readonly optional: readonly FieldKey[];
  /** Of the optional fields those that a fleet demands. */
  readonly fleetRequired: readonly FieldKey[];
  /** Fields of the fleet in a module that works on one machine: a warning says that they have no effect. */
  readonly withoutEffect: readonly FieldKey[];
}

const COMMON = ['loggerName', 'logLevel', 'state', 's3RootPrefix'] as const;
const SERVICES = ['gcpProject', 'mysqlTable', 'credentialsSecretId'] as const;
const SUBSCRIPTION = ['pubsubSubscriptionId', 'errorPubsubTopicId'] as const;
const FILTER = ['storageClasses', 'lastModifiedBefore', 'lastModifiedAfter', 'include', 'exclude'] as const;
const PACKING = ['maxMessagesPerBatch', 'numSingleMessage'] as const;
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
  'parallelFromBytes',
  'maxAttempts',
  'maxBytesPerSecond',
  'writeRamp',
  'writeRampStartPerSecond',
  'writeRampDoublingMs',
] as const;

export const DUMP = {
  name: 'dump',
  required: ['s3Bucket'],
  defaulted: COMMON,
  optional: ['awsRegion', ...SERVICES, 'insertQuery'],
  fleetRequired: SERVICES,
  withoutEffect: [],
} as const satisfies ModuleFields;

/** With a dump file nothing is read from S3: the reference tool's entity of this module names no bucket. */
export const DUMP_FROM_FILE = {
  ...DUMP,
  required: [],
  optional: ['s3Bucket', ...DUMP.optional],
} as const satisfies ModuleFields;

/** Creates what the others use: any of their entities tells what that is. */
export const PREPARE = {
  name: 'prepare',
  required: [],
  defaulted: COMMON,
  optional: ['s3Bucket', ...SERVICES, 'pubsubTopicId', ...SUBSCRIPTION],
  fleetRequired: SERVICES,
  withoutEffect: [],
} as const satisfies ModuleFields;

export const PUBLISHER_OBJECTS = {
  name: 'publisher objects',
  required: ['s3Bucket'],
  defaulted: [...COMMON, ...FILTER, ...PACKING, 'numSingleMessageBytes', 'messageFormat', 'leaseMs', 'listStreams'],
  optional: ['awsRegion', ...SERVICES, 'pubsubTopicId', 'pullQuery', 'updateQuery'],
  fleetRequired: [...SERVICES, 'pubsubTopicId'],
  withoutEffect: [],
} as const satisfies ModuleFields;

const PUBLISHER_OF_SUBFOLDERS = {
  required: ['s3Bucket'],
  defaulted: [...COMMON, ...PACKING, 'messageFormat', 'leaseMs'],
  optional: [...SERVICES, 'pubsubTopicId', 'pullQuery', 'updateQuery'],
  fleetRequired: [...SERVICES, 'pubsubTopicId'],
  withoutEffect: [],
} as const;

export const PUBLISHER_SYNC_CHECK = {
  ...PUBLISHER_OF_SUBFOLDERS,
  name: 'publisher sync-check',
} as const satisfies ModuleFields;

export const PUBLISHER_RSYNC = {
  ...PUBLISHER_OF_SUBFOLDERS,
  name: 'publisher rsync',
  defaulted: [...PUBLISHER_OF_SUBFOLDERS.defaulted, 'deleteExtra', 'maxRsyncAttempts'],
} as const satisfies ModuleFields;

export const WORKER_CDN_TRANSFER = {
  name: 'worker cdnTransfer',
  required: ['s3Bucket', 'gcsBucket', 'cloudfrontUrlHostPre'],
  defaulted: [...COMMON, ...TRANSFER, 'numMessages', 'leaseMs', 'processes'],
  optional: ['awsRegion', 'gcsStorageClass', 'partsBucket', ...CDN_OPTIONAL, ...SERVICES, ...SUBSCRIPTION],
  fleetRequired: [...SERVICES, ...SUBSCRIPTION],
  withoutEffect: [],
} as const satisfies ModuleFields;

/** Compares listings: nothing is fetched, so the CDN's fields are passed by. */
export const WORKER_SYNC_CHECK = {
  name: 'worker syncCheck',
  required: ['s3Bucket', 'gcsBucket'],
  defaulted: [
    ...COMMON,
    ...FILTER,
    'gcsRootPrefix',
    'forbiddenNames',
    'numMessages',
    'leaseMs',
    'processes',
    'listStreams',
    'checkMode',
  ],
  optional: ['awsRegion', ...SERVICES, ...SUBSCRIPTION, 'startQuery', 'endQuery'],
  fleetRequired: [...SERVICES, ...SUBSCRIPTION],
  withoutEffect: [],
} as const satisfies ModuleFields;

export const WORKER_RSYNC = {
  name: 'worker rsync',
  required: ['s3Bucket', 'gcsBucket', 'cloudfrontUrlHostPre'],
  defaulted: [
    ...COMMON,
    ...FILTER,
    ...TRANSFER,
    'numMessages',
    'leaseMs',
    'processes',
    'listStreams',
    'rsyncEngine',
    'deleteExtra',
    'maxRsyncAttempts',
    'rsyncTimeoutMs',
  ],
  optional: [
    'awsRegion',
    'gcsStorageClass',
    'partsBucket',
    ...CDN_OPTIONAL,
    ...SERVICES,
    ...SUBSCRIPTION,
    'startQuery',
    'endQuery',
  ],
  fleetRequired: [...SERVICES, ...SUBSCRIPTION],
  withoutEffect: [],
} as const satisfies ModuleFields;

/** Looks at the state and mends it: any module's entity says where it is. */
export const OPERATOR = {
  name: 'status',
  required: [],
  defaulted: [...COMMON, 'maxRsyncAttempts'],
  optional: ['s3Bucket', ...SERVICES, 'pubsubTopicId', ...SUBSCRIPTION],
  fleetRequired: SERVICES,
  withoutEffect: [],
} as const satisfies ModuleFields;

export const RUN = {
  name: 'run',
  required: ['s3Bucket', 'gcsBucket', 'cloudfrontUrlHostPre'],
  defaulted: [
    ...COMMON,
    ...FILTER,
    ...PACKING,
    'numSingleMessageBytes',
    ...TRANSFER,
    'numMessages',
    'leaseMs',
    'processes',
    'listStreams',
    'maxRsyncAttempts',
  ],
  optional: ['awsRegion', 'gcsStorageClass', 'partsBucket', ...CDN_OPTIONAL],
  fleetRequired: [],
  withoutEffect: [
    ...SERVICES,
    'pubsubTopicId',
    ...SUBSCRIPTION,
    'insertQuery',
    'pullQuery',
    'updateQuery',
    'startQuery',
    'endQuery',
  ],
} as const satisfies ModuleFields;

/** The fields whose values a module uses. */
export function fieldsRead(module: ModuleFields): ReadonlySet<FieldKey> {
  return new Set([...module.required, ...module.defaulted, ...module.optional]);
}
