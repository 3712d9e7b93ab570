/**
 * The entity payloads of the reference tool's manual, word by word, with the placeholders filled in: what stands in the
 * Datastore of whoever comes from there. Times and numbers are text there, as the console stores what is typed into it.
 */

const COMMON = {
  gcp_project: 'migration-project',
  logger_name: 'object-transfer-tool',
  mysql_table: 'transfer_state',
} as const;

const SOURCE = {
  aws_region: 'eu-west-1',
  s3_bucket: 'photos-source',
  s3_root_prefix: 'archive/photos',
  storage_class: 'STANDARD',
} as const;

const BOUNDS = { last_modified_before: 'latest', last_modified_after: 'initial' } as const;
const CREDENTIALS = { credentials_secret_id: 'object-transfer-credentials' } as const;

const PUBLISHER = {
  ...COMMON,
  ...SOURCE,
  ...BOUNDS,
  pubsub_topic_id: 'object-keys',
  max_messages_per_batch: '10',
  num_single_message: '10',
} as const;

const CDN = {
  ...COMMON,
  gcs_bucket: 'photos-destination',
  gcs_root_prefix: 'photos',
  ...SOURCE,
  cloudfront_url_host_pre: 'https://d111111abcdef8.cloudfront.net/archive/photos/',
  replace_key_parts: { 'archive/photos/': '', ' ': '%20' },
  url_signer_private_key_secret_id: 'cloudfront-private-key',
  url_signer_key_pair_id: 'K2JCJMDEHXQW5F',
  signed_url_expire_seconds: 604800,
  ...BOUNDS,
  pubsub_subscription_id: 'object-keys-worker',
  num_messages: '1',
} as const;

const ERRORS = { error_pubsub_topic_id: 'object-keys-errors' } as const;

export type ReferenceEntity = Readonly<Record<string, string | number | Readonly<Record<string, string>>>>;

export const REFERENCE_ENTITIES: Readonly<Record<string, ReferenceEntity>> = {
  dump: { ...COMMON, insert_query: 'INSERT INTO transfer_state (dir_key) VALUES (%s)', ...CREDENTIALS },
  'publisher-objects': {
    ...PUBLISHER,
    pull_query: `SELECT dir_key FROM transfer_state
                                    WHERE initial_transfer IS TRUE AND cdn_transfer_published IS FALSE
                                    LIMIT 10`,
    update_query: `UPDATE transfer_state
                                        SET initial_transfer = FALSE, cdn_transfer_published = TRUE
                                        WHERE dir_key = %s`,
    ...CREDENTIALS,
  },
  'publisher-sync-check': {
    ...PUBLISHER,
    pull_query: `SELECT dir_key FROM transfer_state
                                    WHERE (gcs_size = 0 OR sync_check_frequency = 0) AND sync_check_published IS FALSE
                                    LIMIT 10`,
    update_query: `UPDATE transfer_state
                                    SET sync_check_published = TRUE
                                    WHERE dir_key = %s`,
    ...CREDENTIALS,
  },
  'publisher-rsync': {
    ...PUBLISHER,
    pull_query: `SELECT dir_key FROM transfer_state
                                    WHERE (s3_size != gcs_size AND gcs_size != 0) AND sync_check_frequency > 0 AND rsync_published IS FALSE
                                    LIMIT 10`,
    update_query: `UPDATE transfer_state
                                    SET rsync_published = TRUE
                                    WHERE dir_key = %s`,
    ...CREDENTIALS,
  },
  'worker-cdn-transfer': { ...CDN, ...ERRORS, ...CREDENTIALS },
  'worker-sync-check': {
    ...CDN,
    start_query: `UPDATE transfer_state
                                    SET sync_check_in_progress = TRUE, sync_check_last_start = (%s)
                                    WHERE dir_key = (%s) AND sync_check_in_progress = FALSE AND rsync_in_progress = FALSE`,
    end_query: `UPDATE transfer_state
                                    SET sync_check_in_progress = FALSE, s3_size = (%s), gcs_size = (%s), sync_check_last_end = (%s), sync_check_frequency = sync_check_frequency + 1, sync_check_error = (%s)
                                    WHERE dir_key = (%s)`,
    ...ERRORS,
    ...CREDENTIALS,
  },
  'worker-rsync': {
    ...CDN,
    start_query: `UPDATE transfer_state
                                    SET rsync_in_progress = TRUE, rsync_last_start = (%s)
                                    WHERE dir_key = (%s) AND sync_check_in_progress = FALSE AND rsync_in_progress = FALSE`,
    end_query: `UPDATE transfer_state
                                    SET rsync_in_progress = FALSE, s3_size = (%s), gcs_size = (%s), rsync_last_end = (%s), rsync_frequency = rsync_frequency + 1, rsync_error = (%s)
                                    WHERE dir_key = (%s)`,
    ...ERRORS,
    ...CREDENTIALS,
  },
};
