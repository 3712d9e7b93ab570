import type { LocalFleet } from '@object-transfer/local-cloud/fleet/start-local-fleet';
import type { LocalCloud } from '@object-transfer/local-cloud/start-local-cloud';

/** A fleet, with its database. */
export interface DescribedFleet extends Pick<LocalFleet, 'names' | 'configKeys' | 'environment'> {
  readonly database: { readonly host: string; readonly port: number; readonly user: string; readonly database: string };
}

/** What `local-cloud --json` prints. */
export interface CloudDescription {
  /** `s3://bucket/`. */
  readonly from: string;
  /** `gs://bucket/`. */
  readonly to: string;
  readonly cdn: string;
  /** Variables to export. */
  readonly environment: Readonly<Record<string, string>>;
  readonly keyPairId?: string;
  readonly privateKeyFile?: string;
  readonly fleet?: Omit<DescribedFleet, 'environment'>;
}

/** @param keyFile where the key for signed URLs was written, where they are demanded */
export function describeCloud(
  cloud: LocalCloud,
  keyFile: string | undefined,
  fleet: DescribedFleet | undefined,
): CloudDescription {
  return {
    from: `s3://${cloud.sourceBucket}/`,
    to: `gs://${cloud.destinationBucket}/`,
    cdn: `${cloud.cloudFront.url}/`,
    environment: { ...cloud.environment, ...fleet?.environment },
    ...(cloud.signer !== undefined &&
      keyFile !== undefined && { keyPairId: cloud.signer.keyPairId, privateKeyFile: keyFile }),
    ...(fleet !== undefined && {
      fleet: { names: fleet.names, configKeys: fleet.configKeys, database: fleet.database },
    }),
  };
}

/** What to type into another shell. */
export function exportLines(cloud: CloudDescription): string {
  const lines = Object.entries(cloud.environment).map(([name, value]) => `export ${name}=${value}`);
  const text = [
    ...lines,
    '# then, in another shell:',
    ...commands(cloud).map((line) => `# npx object-transfer ${line}`),
    ...(cloud.fleet === undefined ? [] : databaseLines(cloud.fleet)),
  ];
  return `${text.join('\n')}\n`;
}

function databaseLines({
  database: { host, port, user, database },
  names,
}: NonNullable<CloudDescription['fleet']>): readonly string[] {
  return [
    `# the state, in the table ${names.table}:`,
    `# mariadb --host=${host} --port=${port} --user=${user} --skip-ssl ${database}`,
  ];
}

function commands(cloud: CloudDescription): readonly string[] {
  const { fleet } = cloud;
  if (fleet === undefined) {
    const signing =
      cloud.keyPairId === undefined
        ? ''
        : ` --url-signer-key-pair-id ${cloud.keyPairId} --url-signer-private-key-file ${cloud.privateKeyFile}`;
    return [`run --from ${cloud.from} --to ${cloud.to} --cdn ${cloud.cdn}${signing}`];
  }
  const { dump, publisherObjects, workerCdnTransfer } = fleet.configKeys;
  const project = `--gcp-project ${fleet.names.projectId}`;
  return [
    `prepare ${project} --config-key ${publisherObjects} --config-key ${workerCdnTransfer} --topics`,
    `dump ${project} --config-key ${dump}`,
    `publisher objects ${project} --config-key ${publisherObjects}`,
    `worker cdnTransfer ${project} --config-key ${workerCdnTransfer} --processes auto`,
  ];
}
