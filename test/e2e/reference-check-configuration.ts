import { expectExitCode } from './command.ts';
import { configuredBy, type Fleet, PROJECT } from './fleet.ts';
import { DESTINATION_ROOT, ERROR_TOPIC, ROOT, SECRET } from './reference-configuration.ts';
import { DESTINATION_BUCKET, SOURCE_BUCKET } from './rehearsal.ts';

export const CHECK_ENTITIES = {
  syncCheckPublisher: 'PublisherSyncCheck',
  syncCheckWorker: 'WorkerSyncCheck',
  rsyncPublisher: 'PublisherRsync',
  rsyncWorker: 'WorkerRsync',
};
const SYNC_CHECK_TOPIC = 'sync-check-topic';
const SYNC_CHECK_SUBSCRIPTION = 'sync-check-subscription';
const RSYNC_TOPIC = 'rsync-topic';
const RSYNC_SUBSCRIPTION = 'rsync-subscription';

/**
 * The entities that the reference tool documents for its publishers of subfolders and its workers of sync checks and rsync,
 * every field of them, with the placeholders filled in. The secrets are those of the other modules.
 */
export function putReferenceCheckConfiguration(fleet: Fleet): void {
  const { table } = fleet;
  const publisher = {
    gcp_project: PROJECT,
    logger_name: 'object-transfer-tool',
    mysql_table: table,
    aws_region: 'us-east-1',
    s3_bucket: SOURCE_BUCKET,
    s3_root_prefix: ROOT,
    storage_class: 'STANDARD',
    last_modified_before: 'latest',
    last_modified_after: 'initial',
    max_messages_per_batch: 10,
    num_single_message: 10,
    credentials_secret_id: SECRET,
  };
  fleet.putEntity(CHECK_ENTITIES.syncCheckPublisher, {
    ...publisher,
    pubsub_topic_id: SYNC_CHECK_TOPIC,
    pull_query: `SELECT dir_key FROM ${table}
                                    WHERE (gcs_size = 0 OR sync_check_frequency = 0) AND sync_check_published IS FALSE
                                    LIMIT 10`,
    update_query: `UPDATE ${table}
                                    SET sync_check_published = TRUE
                                    WHERE dir_key = %s`,
  });
  fleet.putEntity(CHECK_ENTITIES.rsyncPublisher, {
    ...publisher,
    pubsub_topic_id: RSYNC_TOPIC,
    pull_query: `SELECT dir_key FROM ${table}
                                    WHERE (s3_size != gcs_size AND gcs_size != 0) AND sync_check_frequency > 0 AND rsync_published IS FALSE
                                    LIMIT 10`,
    update_query: `UPDATE ${table}
                                    SET rsync_published = TRUE
                                    WHERE dir_key = %s`,
  });
  const worker = {
    gcp_project: PROJECT,
    logger_name: 'object-transfer-tool',
    gcs_bucket: DESTINATION_BUCKET,
    gcs_root_prefix: DESTINATION_ROOT,
    mysql_table: table,
    aws_region: 'us-east-1',
    s3_bucket: SOURCE_BUCKET,
    s3_root_prefix: ROOT,
    storage_class: 'STANDARD',
    cloudfront_url_host_pre: `${fleet.rehearsal.cdn.url}/`,
    replace_key_parts: null,
    url_signer_private_key_secret_id: null,
    url_signer_key_pair_id: null,
    signed_url_expire_seconds: 604_800,
    last_modified_before: 'latest',
    last_modified_after: 'initial',
    num_messages: '1',
    error_pubsub_topic_id: ERROR_TOPIC,
    credentials_secret_id: SECRET,
  };
  fleet.putEntity(CHECK_ENTITIES.syncCheckWorker, {
    ...worker,
    pubsub_subscription_id: SYNC_CHECK_SUBSCRIPTION,
    start_query: `UPDATE ${table}
                                    SET sync_check_in_progress = TRUE, sync_check_last_start = (%s)
                                    WHERE dir_key = (%s) AND sync_check_in_progress = FALSE AND rsync_in_progress = FALSE`,
    end_query: `UPDATE ${table}
                                    SET sync_check_in_progress = FALSE, s3_size = (%s), gcs_size = (%s), sync_check_last_end = (%s), sync_check_frequency = sync_check_frequency + 1, sync_check_error = (%s)
                                    WHERE dir_key = (%s)`,
  });
  fleet.putEntity(CHECK_ENTITIES.rsyncWorker, {
    ...worker,
    pubsub_subscription_id: RSYNC_SUBSCRIPTION,
    start_query: `UPDATE ${table}
                                    SET rsync_in_progress = TRUE, rsync_last_start = (%s)
                                    WHERE dir_key = (%s) AND sync_check_in_progress = FALSE AND rsync_in_progress = FALSE`,
    end_query: `UPDATE ${table}
                                    SET rsync_in_progress = FALSE, s3_size = (%s), gcs_size = (%s), rsync_last_end = (%s), rsync_frequency = rsync_frequency + 1, rsync_error = (%s)
                                    WHERE dir_key = (%s)`,
  });
}

/** The topics and subscriptions of both flows. */
export async function prepareChecks(fleet: Fleet): Promise<void> {
  const flows = [
    [CHECK_ENTITIES.syncCheckPublisher, CHECK_ENTITIES.syncCheckWorker],
    [CHECK_ENTITIES.rsyncPublisher, CHECK_ENTITIES.rsyncWorker],
  ] as const;
  for (const [publisher, worker] of flows) {
    const keys = [...configuredBy(publisher), ...configuredBy(worker).slice(2)];
    expectExitCode(await fleet.command('prepare', ...keys, '--topics'), 0);
  }
}
