import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import type { LocalCloud } from '@object-transfer/local-cloud/start-local-cloud';
import { parsePort } from '../options/parse-port.ts';
import type { CommandContext } from '../command-context.ts';
import { describeCloud, exportLines, type DescribedFleet } from '../output/describe-cloud.ts';

interface LocalCloudFlags {
  readonly s3Dir?: string;
  readonly gcsDir?: string;
  readonly sourceBucket: string;
  readonly destinationBucket: string;
  readonly signedUrls?: string;
  readonly s3Port?: number;
  readonly cdnPort?: number;
  readonly gcsPort?: number;
  readonly fleet?: boolean;
  readonly json?: boolean;
}

/** The database of a rehearsal's fleet. */
const FLEET_DATABASE = 'object_transfer';

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
    .option(
      '--fleet',
      'also serve Pub/Sub, Datastore, Secret Manager and a MariaDB, with entities and secrets of a fleet',
    )
    .option('--json', 'print one JSON object instead of export lines')
    .action((flags: LocalCloudFlags) => serve(flags, context));
}

function portOption(flag: string, what: string): Option {
  return new Option(`${flag} <port>`, `${what}; default: a free port`).argParser(parsePort);
}

async function serve(flags: LocalCloudFlags, { stop, stdout }: CommandContext): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const cloud = await start(flags);
  cleanup.defer(() => cloud.close());
  if (flags.signedUrls !== undefined && cloud.signer !== undefined) {
    await writeKey(flags.signedUrls, cloud.signer.privateKey);
  }
  const fleet = flags.fleet === true ? await startFleet(cloud, cleanup) : undefined;
  const description = describeCloud(cloud, flags.signedUrls, fleet);
  stdout.write(flags.json === true ? `${JSON.stringify(description)}\n` : exportLines(description));
  if (!stop.aborted) await once(stop, 'abort');
}

async function startFleet(cloud: LocalCloud, cleanup: AsyncDisposableStack): Promise<DescribedFleet> {
  // Not before it is needed: gRPC takes 0.2 s to load.
  const { startLocalFleet } = await import('@object-transfer/local-cloud/fleet/start-local-fleet');
  const mariadb = await startMariadb();
  cleanup.defer(() => mariadb.close());
  const database = { ...mariadb.address, database: FLEET_DATABASE };
  const fleet = await startLocalFleet(cloud, database);
  cleanup.defer(() => fleet.close());
  return { ...fleet, database };
}

async function startMariadb(): Promise<Mariadb> {
  const { Mariadb } = await import('@object-transfer/local-cloud/mariadb/mariadb');
  try {
    return await Mariadb.start({ database: FLEET_DATABASE });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError('CONFIG_INVALID', `--fleet: ${reason}`, { cause: error });
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
  // Here and not above: the other commands do without the servers.
  const { startLocalCloud } = await import('@object-transfer/local-cloud/start-local-cloud');
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
