import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import { startLocalCloud, type LocalCloud } from '@object-transfer/local-cloud/start-local-cloud';
import { parsePort } from '../options/parse-port.ts';
import type { CommandContext } from '../command-context.ts';

interface LocalCloudFlags {
  readonly s3Dir?: string;
  readonly gcsDir?: string;
  readonly sourceBucket: string;
  readonly destinationBucket: string;
  readonly signedUrls?: string;
  readonly s3Port?: number;
  readonly cdnPort?: number;
  readonly gcsPort?: number;
  readonly json?: boolean;
}

export function addLocalCloudCommand(program: Command, context: CommandContext): void {
  program
    .command('local-cloud')
    .description(
      'serves S3, CloudFront and GCS on loopback for rehearsals, until stopped; prints the variables to export',
    )
    .option('--s3-dir <dir>', 'directory of files that the source bucket holds; default: an empty bucket')
    .option('--gcs-dir <dir>', 'directory that keeps the destination bucket; default: memory')
    .option('--source-bucket <name>', 'name of the S3 bucket', 'source')
    .option('--destination-bucket <name>', 'name of the GCS bucket', 'destination')
    .option('--signed-urls <key-file>', 'demand signed URLs, and write the private key to sign them with to this file')
    .addOption(portOption('--s3-port', 'port of S3'))
    .addOption(portOption('--cdn-port', 'port of CloudFront'))
    .addOption(portOption('--gcs-port', 'port of GCS'))
    .option('--json', 'print one JSON object instead of export lines')
    .action((flags: LocalCloudFlags) => serve(flags, context));
}

function portOption(flag: string, what: string): Option {
  return new Option(`${flag} <port>`, `${what}; default: a free port`).argParser(parsePort);
}

async function serve(flags: LocalCloudFlags, { stop, stdout }: CommandContext): Promise<void> {
  const cloud = await start(flags);
  try {
    if (flags.signedUrls !== undefined && cloud.signer !== undefined) {
      await writeKey(flags.signedUrls, cloud.signer.privateKey);
    }
    stdout.write(flags.json === true ? `${JSON.stringify(describe(flags, cloud))}\n` : exportLines(flags, cloud));
    if (!stop.aborted) await once(stop, 'abort');
  } finally {
    await cloud.close();
  }
}

async function writeKey(file: string, privateKey: string): Promise<void> {
  try {
    await writeFile(file, privateKey, { mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError('CONFIG_INVALID', `--signed-urls: the key cannot be written: ${reason}`, {
      cause: error,
    });
  }
}

async function start(flags: LocalCloudFlags): Promise<LocalCloud> {
  try {
    return await startLocalCloud({
      source: { directories: flags.s3Dir === undefined ? [] : [{ path: flags.s3Dir }] },
      sourceBucket: flags.sourceBucket,
      destinationBucket: flags.destinationBucket,
      destinationDirectory: flags.gcsDir,
      signedUrls: flags.signedUrls !== undefined,
      s3Port: flags.s3Port,
      cloudFrontPort: flags.cdnPort,
      gcsPort: flags.gcsPort,
    });
  } catch (error) {
    // A missing directory, or a port that is taken: what was given cannot work.
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `local-cloud: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** What `--json` prints, on one line. */
function describe(flags: LocalCloudFlags, cloud: LocalCloud): unknown {
  return {
    from: `s3://${cloud.sourceBucket}/`,
    to: `gs://${cloud.destinationBucket}/`,
    cdn: `${cloud.cloudFront.url}/`,
    environment: cloud.environment,
    ...(cloud.signer === undefined ? {} : { keyPairId: cloud.signer.keyPairId, privateKeyFile: flags.signedUrls }),
  };
}

function exportLines(flags: LocalCloudFlags, cloud: LocalCloud): string {
  const signing =
    cloud.signer === undefined
      ? ''
      : ` --url-signer-key-pair-id ${cloud.signer.keyPairId} --url-signer-private-key-file ${flags.signedUrls}`;
  const lines = Object.entries(cloud.environment).map(([name, value]) => `export ${name}=${value}`);
  return `${lines.join('\n')}
# then, in another shell:
# object-transfer run --from s3://${cloud.sourceBucket}/ --to gs://${cloud.destinationBucket}/ --cdn ${cloud.cloudFront.url}/${signing}
`;
}
