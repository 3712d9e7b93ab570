import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import { gcloudEnvironment } from './gcloud-environment.ts';
import { runGcloud, type GcloudResult } from './gcloud-process.ts';

export interface GcloudProgram {
  /** Default `gcloud`, found by `PATH`. */
  readonly executable?: string | undefined;
  /** The environment of this process. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

export const DEFAULT_GCLOUD = 'gcloud';

/** The release that brought `storage rsync`. @see https://cloud.google.com/sdk/docs/release-notes#43700_2023-06-27 */
const MIN_MAJOR = 437;

/** Half a second here; a small VM that starts it for the first time compiles it first. */
const VERSION_TIMEOUT_MS = 120_000;

/**
 * To be called before the first repair: says that the CLI is there and has `storage rsync`.
 * @returns its version, as in `528.0.0`
 * @throws ConfigurationError `CONFIG_TOOL_MISSING`; the reason of `signal` once it aborts
 */
export async function checkGcloud(program: GcloudProgram, signal: AbortSignal): Promise<string> {
  const { executable = DEFAULT_GCLOUD, variables } = program;
  const directory = await mkdtemp(join(tmpdir(), 'object-transfer-gcloud-'));
  try {
    const environment = gcloudEnvironment(variables, directory);
    const args = ['version', '--format=json'];
    const result = await runGcloud(
      { executable, args, environment, secrets: [], timeoutMs: VERSION_TIMEOUT_MS },
      signal,
    );
    return checkVersion(executable, result);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function checkVersion(executable: string, { exitCode, stdout, stderr }: GcloudResult): string {
  const version = exitCode === 0 ? /"Google Cloud SDK":\s*"(\d+)(\.[^"]*)?"/.exec(stdout) : null;
  if (version === null) {
    throw unusable(`${executable} version says no version of the Google Cloud CLI: ${stderr || stdout || 'nothing'}`);
  }
  const [, major = '', rest = ''] = version;
  if (Number(major) < MIN_MAJOR) {
    throw unusable(`${executable} is version ${major}${rest}; storage rsync came with ${MIN_MAJOR}.0.0. Update it`);
  }
  return major + rest;
}

function unusable(reason: string): ConfigurationError {
  return new ConfigurationError('CONFIG_TOOL_MISSING', `rsync_engine gcloud cannot be used: ${reason}`, {
    op: 'gcloud version',
  });
}
