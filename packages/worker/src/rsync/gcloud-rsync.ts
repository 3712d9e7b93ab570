import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TransferError } from '@object-transfer/core/domain/errors';
import { subfolderPrefix } from '@object-transfer/core/domain/key-mapping';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { AwsCredentialsProvider } from '@object-transfer/core/storage/sigv4-signer';
import { gcloudRsyncEnvironment, secretsOf, type GcloudRsyncEnvironment } from './gcloud-environment.ts';
import { gcloudUrls, refuseMisreadKey, type GcloudBuckets } from './gcloud-names.ts';
import { runGcloud, type GcloudResult } from './gcloud-process.ts';
import { DEFAULT_GCLOUD, type GcloudProgram } from './gcloud-version.ts';

export interface GcloudRsyncOptions
  extends GcloudBuckets, GcloudProgram, Omit<GcloudRsyncEnvironment, 'aws' | 'directory'> {
  /** Of the S3 bucket: the names of a folder are looked at before the CLI gets it. */
  readonly lister: ObjectLister;
  /** Asked once per run: credentials that expire must last for it. */
  readonly awsCredentials: AwsCredentialsProvider;
  /** For the CLI, which goes on trying for hours where a server is away. */
  readonly timeoutMs: number;
  readonly graceMs?: number | undefined;
  readonly logger: Logger;
}

/**
 * Copies what GCS lacks of a subfolder, or has otherwise, by `gcloud storage rsync` from S3, at the price of S3's egress.
 * The row `''` is copied without its subfolders.
 *
 * It never deletes. The CLI takes an answer of S3 that is no listing (an empty body, a proxy's page, an error under status
 * 200) for an empty folder, and with `--delete-unmatched-destination-objects` deletes all of the destination and exits with 0.
 *
 * What it leaves, tried with Google Cloud SDK 528.0.0: Content-Type, the other headers and user metadata of S3 are dropped
 * (`application/octet-stream`); `goog-reserved-file-mtime`, an MD5 and a CRC32C are there, the source's ETag is not. An object
 * whose ETag is no MD5 is copied unverified, is equal to anything of its size in the eyes of the CLI, and stays unproven in
 * comparisons. One that is encrypted by KMS, whose ETag looks like an MD5, cannot be copied. Zero-byte objects whose names
 * end in a slash are left out. It knows no filters.
 * @throws TransferError `TRANSFER_NAME_AMBIGUOUS` before anything runs, `TRANSFER_TOOL_FAILED` where an object or a listing
 *   failed (the other objects are copied), `TRANSFER_TOOL_TIMEOUT`; ConfigurationError `CONFIG_TOOL_MISSING`; what listing S3
 *   and reading credentials throw; the reason of `signal` once it aborts
 * @see https://cloud.google.com/sdk/gcloud/reference/storage/rsync
 */
export async function syncByGcloud(options: GcloudRsyncOptions, dirKey: string, signal: AbortSignal): Promise<void> {
  const { awsCredentials, executable = DEFAULT_GCLOUD, timeoutMs, graceMs } = options;
  const { source, destination } = gcloudUrls(options, dirKey);
  // The CLI takes a folder without objects for a mistake.
  if ((await countCopyable(options, dirKey, signal)) === 0) return;
  const aws = await awsCredentials();
  const directory = await mkdtemp(join(tmpdir(), 'object-transfer-gcloud-'));
  try {
    const environment = gcloudRsyncEnvironment({ ...options, aws, directory });
    const depth = dirKey === '' ? [] : ['--recursive'];
    // What is written of every object would push the errors out of the tail.
    const output = ['--no-user-output-enabled', '--verbosity=error'];
    const args = ['storage', 'rsync', ...depth, '--continue-on-error', ...output, source, destination];
    const secrets = secretsOf(environment);
    const result = await runGcloud({ executable, args, environment, secrets, timeoutMs, graceMs }, signal);
    if (result.isTimedOut || result.exitCode !== 0) {
      throw runFailed(result, timeoutMs, { dirKey, source, destination });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function countCopyable(options: GcloudRsyncOptions, dirKey: string, signal: AbortSignal): Promise<number> {
  const { lister, mapping, logger } = options;
  const prefix = subfolderPrefix(mapping, dirKey);
  let copyable = 0;
  let markers = 0;
  for await (const { objects } of lister.listObjects({ prefix, delimiter: dirKey === '' ? '/' : undefined, signal })) {
    for (const { key, sizeBytes } of objects) {
      if (sizeBytes === 0 && key.endsWith('/')) {
        markers++;
        continue;
      }
      refuseMisreadKey(options, dirKey, key);
      copyable++;
    }
  }
  if (markers > 0)
    logger.warn({ dirKey, markers }, 'gcloud storage rsync copies no zero-byte objects that end in a slash');
  return copyable;
}

function runFailed(
  { exitCode, isTimedOut, stdout, stderr }: GcloudResult,
  timeoutMs: number,
  folder: { readonly dirKey: string; readonly source: string; readonly destination: string },
): TransferError {
  const { dirKey, source, destination } = folder;
  const ending = exitCode === undefined ? 'was killed' : `ended with exit code ${exitCode}`;
  const what = isTimedOut ? `did not end within ${timeoutMs / 1_000} s and was stopped` : ending;
  const output = [stderr, stdout].filter((text) => text !== '').join('\n');
  return new TransferError(
    isTimedOut ? 'TRANSFER_TOOL_TIMEOUT' : 'TRANSFER_TOOL_FAILED',
    `gcloud storage rsync of ${JSON.stringify(dirKey)} ${what}: ${output || 'it said nothing'}`,
    { op: 'gcloud storage rsync', source, destination },
  );
}
