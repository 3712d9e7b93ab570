import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunningServers } from './servers-process.ts';

/** A program that moves what is in the S3 bucket `source` into an empty GCS bucket. */
export interface TransferClient {
  readonly name: string;
  /** What it does not do, where the comparison would not be fair without being told. */
  readonly note?: string | undefined;
  readonly isInstalled: () => boolean;
  /** The processors that it may use; left out, the one that a client of one process has. */
  readonly cpus?: string | undefined;
  /** False where it only reads. */
  readonly movesToGcs?: false;
  readonly command: (servers: RunningServers, destination: string, directory: string) => ClientCommand;
}

interface ClientCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
/** Compiled code, as a machine has it on which the command is not run for the first time. */
const COMPILE_CACHE = join(REPOSITORY, 'node_modules/.cache/object-transfer-bench');
const AWS_VARIABLES = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_REGION: 'us-east-1' };
const RELAY_CONCURRENCY = 64;

function bareVariables(directory: string): Readonly<Record<string, string>> {
  return { PATH: process.env['PATH'] ?? '', HOME: directory, TMPDIR: directory };
}

/** `run`: lists, transfers, and compares both sides in the end. */
export function objectTransfer(name: string, ...flags: readonly string[]): TransferClient {
  return {
    name,
    isInstalled: () => true,
    command: ({ s3Url, gcsUrl }, destination, directory) => ({
      file: join(REPOSITORY, 'node_modules/.bin/object-transfer'),
      // The bucket itself takes the CDN's place: one server less between, for all clients alike.
      args: ['run', '--from', 's3://source/', '--to', `gs://${destination}/`, '--cdn', `${s3Url}/source/`, ...flags],
      environment: {
        ...bareVariables(directory),
        ...AWS_VARIABLES,
        AWS_ENDPOINT_URL_S3: s3Url,
        STORAGE_EMULATOR_HOST: gcsUrl,
        NODE_COMPILE_CACHE: COMPILE_CACHE,
      },
    }),
  };
}

const RELAY_NOTE = 'no state, no queue, no retries, no metadata, no comparison in the end';

export const BARE_RELAY: TransferClient = {
  name: 'bare undici relay',
  note: RELAY_NOTE,
  isInstalled: () => true,
  command: ({ s3Url, gcsUrl }, destination, directory) => ({
    file: process.execPath,
    args: relayArguments(s3Url, gcsUrl, destination),
    environment: { ...bareVariables(directory), NODE_COMPILE_CACHE: COMPILE_CACHE },
  }),
};

/** Each moves a half, and they have nothing in common: what two processes cost wherever they are measured so. */
export const TWO_BARE_RELAYS: TransferClient = {
  ...BARE_RELAY,
  name: 'two bare undici relays',
  note: 'a half each, and nothing in common',
  command: ({ s3Url, gcsUrl }, destination, directory) => ({
    file: 'bash',
    // The first "$!" is waited for by its number: a plain `wait` would hide that it failed.
    args: [
      '-c',
      '"$@" 0/2 & "$@" 1/2 && wait $!',
      'bash',
      process.execPath,
      ...relayArguments(s3Url, gcsUrl, destination),
    ],
    environment: { ...bareVariables(directory), NODE_COMPILE_CACHE: COMPILE_CACHE },
  }),
};

function relayArguments(s3Url: string, gcsUrl: string, destination: string): readonly string[] {
  return [join(import.meta.dirname, 'relay-process.ts'), s3Url, gcsUrl, destination, String(RELAY_CONCURRENCY)];
}

export const RCLONE: TransferClient = {
  name: 'rclone copy',
  note: 'no comparison in the end; no checksum of what multipart uploads have put into S3',
  isInstalled: () => answers('rclone', 'version'),
  command: ({ s3Url, gcsUrl }, destination, directory) => ({
    file: 'rclone',
    args: ['copy', '--config', join(directory, 'rclone.conf'), '--transfers', '16', 's3:source', `gcs:${destination}`],
    environment: {
      ...bareVariables(directory),
      RCLONE_CONFIG_S3_TYPE: 's3',
      RCLONE_CONFIG_S3_PROVIDER: 'Other',
      RCLONE_CONFIG_S3_ENDPOINT: s3Url,
      RCLONE_CONFIG_S3_ACCESS_KEY_ID: 'local',
      RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: 'local',
      RCLONE_CONFIG_GCS_TYPE: 'google cloud storage',
      RCLONE_CONFIG_GCS_ENDPOINT: gcsUrl,
      RCLONE_CONFIG_GCS_ANONYMOUS: 'true',
      RCLONE_CONFIG_GCS_BUCKET_POLICY_ONLY: 'true',
    },
  }),
};

export const GCLOUD: TransferClient = {
  name: 'gcloud storage rsync',
  note: 'drops content type and metadata',
  isInstalled: () => answers('gcloud', 'version'),
  command: ({ s3Url, gcsUrl }, destination, directory) => ({
    file: 'gcloud',
    args: ['storage', 'rsync', '--recursive', 's3://source', `gs://${destination}`],
    environment: {
      ...bareVariables(directory),
      ...AWS_VARIABLES,
      CLOUDSDK_CONFIG: directory,
      CLOUDSDK_CORE_PROJECT: 'bench',
      CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
      CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true',
      CLOUDSDK_STORAGE_S3_ENDPOINT_URL: s3Url,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${gcsUrl}/storage/v1/`,
    },
  }),
};

export const AWS: TransferClient = {
  name: 'aws s3 cp',
  note: 'half of the work: from S3 to the disk',
  movesToGcs: false,
  isInstalled: () => answers('aws', '--version'),
  command: ({ s3Url }, _destination, directory) => ({
    file: 'aws',
    args: ['s3', 'cp', '--recursive', '--only-show-errors', 's3://source/', join(directory, 'copy')],
    environment: { ...bareVariables(directory), ...AWS_VARIABLES, AWS_ENDPOINT_URL_S3: s3Url },
  }),
};

function answers(file: string, ...args: readonly string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}
