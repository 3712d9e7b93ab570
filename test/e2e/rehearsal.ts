import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  startCloudFrontServer,
  type CloudFrontServer,
  type CloudFrontServerOptions,
} from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { startS3Server, type S3Server, type S3ServerOptions } from '@object-transfer/local-cloud/s3/s3-server';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { RunningCommand, type CommandResult } from './command.ts';

export interface RehearsalOptions {
  readonly distribution?: Partial<CloudFrontServerOptions>;
  /** S3 refuses whoever does not sign with these; the distribution does. */
  readonly s3Credentials?: S3ServerOptions['credentials'];
  readonly interceptS3?: RequestInterceptor;
  readonly interceptGcs?: RequestInterceptor;
}

export interface RunResult extends CommandResult {
  /** What `--report` left behind; `undefined` where there is no such file. */
  readonly report: MigrationReport | undefined;
}

export const SOURCE_BUCKET = 'source';
export const DESTINATION_BUCKET = 'destination';
/** For temporary parts, where a test wants them apart. */
export const PARTS_BUCKET = 'parts';

/**
 * S3, CloudFront and GCS in this process, a directory for files, and the command line to run against them. Commands see an
 * environment of their own, so nothing of the machine's accounts and settings gets into a test.
 */
export class Rehearsal {
  readonly directory: string;
  readonly s3: S3Server;
  readonly cdn: CloudFrontServer;
  readonly gcs: GcsServer;
  readonly environment: Readonly<Record<string, string>>;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(
    directory: string,
    servers: { readonly s3: S3Server; readonly cdn: CloudFrontServer; readonly gcs: GcsServer },
    cleanup: AsyncDisposableStack,
  ) {
    this.directory = directory;
    this.s3 = servers.s3;
    this.cdn = servers.cdn;
    this.gcs = servers.gcs;
    this.#cleanup = cleanup;
    this.environment = {
      ...bareEnvironment(directory),
      AWS_ENDPOINT_URL_S3: this.s3.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      STORAGE_EMULATOR_HOST: this.gcs.url,
    };
  }

  static async start(options: RehearsalOptions = {}): Promise<Rehearsal> {
    await using starting = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'object-transfer-e2e-'));
    starting.defer(() => rm(directory, { recursive: true, force: true }));
    const adopt = <T extends { close(): Promise<void> }>(server: T): T =>
      starting.adopt(server, (running) => running.close());
    const s3 = adopt(
      await startS3Server({
        buckets: { [SOURCE_BUCKET]: {} },
        recordsKeys: true,
        credentials: options.s3Credentials,
        intercept: options.interceptS3,
      }),
    );
    const origin = { url: s3.url, bucket: SOURCE_BUCKET, credentials: options.s3Credentials };
    const cdn = adopt(await startCloudFrontServer({ origin, recordsPaths: true, ...options.distribution }));
    const gcs = adopt(
      await startGcsServer({ buckets: [DESTINATION_BUCKET, PARTS_BUCKET], intercept: options.interceptGcs }),
    );
    return new Rehearsal(directory, { s3, cdn, gcs }, starting.move());
  }

  get source(): Bucket {
    return this.s3.bucket(SOURCE_BUCKET);
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  start(...args: readonly string[]): RunningCommand {
    return new RunningCommand(args, { cwd: this.directory, environment: this.environment });
  }

  /** Runs a command to its end. */
  async command(...args: readonly string[]): Promise<CommandResult> {
    await using command = this.start(...args);
    return await command.ended;
  }

  /** The flags of `run` for the whole source bucket into the whole destination bucket. */
  get runFlags(): readonly string[] {
    const from = `s3://${SOURCE_BUCKET}/`;
    const to = `gs://${DESTINATION_BUCKET}/`;
    return ['run', '--from', from, '--to', to, '--cdn', `${this.cdn.url}/`, '--report', 'report.json'];
  }

  /** `run` of the whole bucket, with further flags. */
  async run(...flags: readonly string[]): Promise<RunResult> {
    await rm(this.path('report.json'), { force: true });
    const result = await this.command(...this.runFlags, ...flags);
    return { ...result, report: await this.readReport() };
  }

  async readReport(): Promise<MigrationReport | undefined> {
    try {
      return JSON.parse(await readFile(this.path('report.json'), 'utf8')) as MigrationReport;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Everything under the destination bucket: bytes by name. */
  async destination(): Promise<Map<string, Buffer>> {
    const { objects } = this.gcs;
    const found = new Map<string, Buffer>();
    for (const name of objects.names(DESTINATION_BUCKET)) {
      const object = await objects.object(DESTINATION_BUCKET, name);
      if (object !== undefined) found.set(name, object.bytes);
    }
    return found;
  }

  /** How often each name was uploaded. */
  get uploads(): ReadonlyMap<string, number> {
    return this.gcs.stats.uploads(DESTINATION_BUCKET);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

/** Compiled code, which all commands of all tests share: their homes are their own, and would each be filled anew. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/object-transfer-tests', import.meta.url));

/** What a process needs at least. */
export function bareEnvironment(directory: string): Readonly<Record<string, string>> {
  return { PATH: process.env['PATH'] ?? '', HOME: directory, TMPDIR: directory, NODE_COMPILE_CACHE: COMPILE_CACHE };
}
