import type { LocalFleet } from '@object-transfer/local-cloud/fleet/start-local-fleet';
import type { LocalCloud } from '@object-transfer/local-cloud/start-local-cloud';

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
  readonly fleet?: Pick<LocalFleet, 'names' | 'configKeys'>;
}

/** @param keyFile where the key for signed URLs was written, where they are demanded */
export function describeCloud(
  cloud: LocalCloud,
  keyFile: string | undefined,
  fleet: LocalFleet | undefined,
): CloudDescription {
  return {
    from: `s3://${cloud.sourceBucket}/`,
    to: `gs://${cloud.destinationBucket}/`,
    cdn: `${cloud.cloudFront.url}/`,
    environment: { ...cloud.environment, ...fleet?.environment },
    ...(cloud.signer !== undefined &&
      keyFile !== undefined && { keyPairId: cloud.signer.keyPairId, privateKeyFile: keyFile }),
    ...(fleet !== undefined && { fleet: { names: fleet.names, configKeys: fleet.configKeys } }),
  };
}

/** What to type into another shell. */
export function exportLines(cloud: CloudDescription): string {
  const lines = Object.entries(cloud.environment).map(([name, value]) => `export ${name}=${value}`);
  return `${lines.join('\n')}\n# then, in another shell:\n${commands(cloud)
    .map((line) => `# object-transfer ${line}\n`)
    .join('')}`;
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
