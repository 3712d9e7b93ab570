import { DESTINATION_BUCKET, SOURCE_BUCKET } from './rehearsal.ts';
import { expectExitCode, type CommandResult } from './command.ts';
import { configuredBy, type Fleet, PROJECT } from './fleet.ts';

export const ENTITIES = { dump: 'Dump', publisher: 'PublisherObjects', worker: 'WorkerCdnTransfer' };
export const TOPIC = 'objects-topic';
export const SUBSCRIPTION = 'objects-subscription';
export const ERROR_TOPIC = 'error-topic';
export const ROOT = 'photos';
/** Everything under {@link ROOT} goes under this folder. */
export const DESTINATION_ROOT = 'mirror/photos';

export const DUMP_SECRET = 'object-transfer-dump';
export const SECRET = 'object-transfer-credentials';
const SIGNING_SECRET = 'url-signing-key';

/**
 * The entities and secrets that the reference tool documents for its dump, its publisher of objects and its worker of CDN
 * transfers, every field of them, with the placeholders filled in.
 * @param signing the key for signed URLs; without it, URLs are not signed
 */
export function putReferenceConfiguration(
  fleet: Fleet,
  signing?: { readonly keyPairId: string; readonly privateKey: string },
): void {
  const { table } = fleet;
  fleet.putEntity(ENTITIES.dump, {
    gcp_project: PROJECT,
    logger_name: 'object-transfer-tool',
    mysql_table: table,
    insert_query: `INSERT INTO ${table} (dir_key) VALUES (%s)`,
    credentials_secret_id: DUMP_SECRET,
  });
  fleet.putEntity(ENTITIES.publisher, {
    gcp_project: PROJECT,
    logger_name: 'object-transfer-tool',
    mysql_table: table,
    aws_region: 'us-east-1',
    s3_bucket: SOURCE_BUCKET,
    s3_root_prefix: ROOT,
    storage_class: 'STANDARD',
    last_modified_before: 'latest',
    last_modified_after: 'initial',
    pubsub_topic_id: TOPIC,
    max_messages_per_batch: 10,
    num_single_message: 10,
    pull_query: `SELECT dir_key FROM ${table}
                                    WHERE initial_transfer IS TRUE AND cdn_transfer_published IS FALSE
                                    LIMIT 10`,
    update_query: `UPDATE ${table}
                                        SET initial_transfer = FALSE, cdn_transfer_published = TRUE
                                        WHERE dir_key = %s`,
    credentials_secret_id: SECRET,
  });
  fleet.putEntity(ENTITIES.worker, {
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
    url_signer_private_key_secret_id: signing === undefined ? null : SIGNING_SECRET,
    url_signer_key_pair_id: signing?.keyPairId ?? null,
    signed_url_expire_seconds: 604_800,
    last_modified_before: 'latest',
    last_modified_after: 'initial',
    pubsub_subscription_id: SUBSCRIPTION,
    num_messages: '1',
    error_pubsub_topic_id: ERROR_TOPIC,
    credentials_secret_id: SECRET,
  });
  if (signing !== undefined) fleet.putSecret(SIGNING_SECRET, signing.privateKey);
  fleet.putSecret(DUMP_SECRET, JSON.stringify({ mysql_config: fleet.mysqlConfig }));
  fleet.putSecret(
    SECRET,
    pythonDict({ aws_key_id: 'local', aws_key_secret: 'local', mysql_config: fleet.mysqlConfig }),
  );
}

/** Tables, topics and subscriptions of both entities. */
export async function prepareFleet(fleet: Fleet): Promise<CommandResult> {
  const keys = [...configuredBy(ENTITIES.publisher), ...configuredBy(ENTITIES.worker).slice(2)];
  const prepared = await fleet.command('prepare', ...keys, '--topics');
  expectExitCode(prepared, 0);
  return prepared;
}

/** As Python prints a dict, which is how secrets of the reference tool were made. */
function pythonDict(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([name, entry]) => `'${name}': ${pythonDict(entry)}`);
  return `{${entries.join(', ')}}`;
}
