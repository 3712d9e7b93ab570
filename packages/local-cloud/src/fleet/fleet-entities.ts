import type { PlainValue } from '../datastore/plain-properties.ts';
import type { LocalCloud } from '../start-local-cloud.ts';

/** A MySQL or MariaDB server for the state. */
export interface MysqlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** What the modules of a fleet are told to use. */
export interface FleetNames {
  readonly projectId: string;
  readonly table: string;
  readonly topic: string;
  readonly subscription: string;
  readonly errorTopic: string;
  readonly credentialsSecret: string;
  readonly signingKeySecret: string;
}

/** Properties of the entities by name, in the words of the reference tool. */
export function fleetEntities(
  cloud: Pick<LocalCloud, 'sourceBucket' | 'destinationBucket' | 'cloudFront' | 'signer'>,
  names: FleetNames,
): Readonly<Record<'dump' | 'publisher-objects' | 'worker-cdn-transfer', Readonly<Record<string, PlainValue>>>> {
  const common = {
    gcp_project: names.projectId,
    logger_name: 'object-transfer-tool',
    mysql_table: names.table,
    credentials_secret_id: names.credentialsSecret,
    aws_region: 'us-east-1',
    s3_bucket: cloud.sourceBucket,
    s3_root_prefix: '',
  };
  const signing =
    cloud.signer === undefined
      ? {}
      : {
          url_signer_private_key_secret_id: names.signingKeySecret,
          url_signer_key_pair_id: cloud.signer.keyPairId,
          signed_url_expire_seconds: 3600,
        };
  return {
    dump: common,
    'publisher-objects': {
      ...common,
      pubsub_topic_id: names.topic,
      max_messages_per_batch: 100,
      num_single_message: 50,
    },
    'worker-cdn-transfer': {
      ...common,
      gcs_bucket: cloud.destinationBucket,
      gcs_root_prefix: '',
      cloudfront_url_host_pre: `${cloud.cloudFront.url}/`,
      ...signing,
      pubsub_subscription_id: names.subscription,
      num_messages: 10,
      error_pubsub_topic_id: names.errorTopic,
    },
  };
}

/** The payload of the credentials secret. The keys are empty: a rehearsal's are in the environment. */
export function credentialsPayload(mysql: MysqlAddress): string {
  return JSON.stringify({ aws_key_id: '', aws_key_secret: '', mysql_config: { ...mysql, ssl_disabled: true } });
}
