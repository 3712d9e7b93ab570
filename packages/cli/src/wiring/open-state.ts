import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bindState, stateSubject } from '@object-transfer/core/runtime/bind-state';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';

export interface StateSettings {
  readonly state: string;
  readonly s3Bucket: string;
  readonly s3RootPrefix: string;
  readonly gcsBucket?: string | undefined;
  readonly gcsRootPrefix?: string | undefined;
}

/**
 * Opens the state file and ties it to the buckets of the settings. A dry run leaves no file behind where there was none.
 * @param cleanup closes it again
 * @throws ConfigurationError where the file cannot be used, or belongs to other buckets
 */
export async function openState(
  settings: StateSettings,
  identity: ProcessIdentity,
  dryRun: boolean,
  cleanup: AsyncDisposableStack,
): Promise<EmbeddedState> {
  const file = dryRun && !existsSync(settings.state) ? await temporaryFile(cleanup) : settings.state;
  const state = await openEmbeddedState(file, { owner: identity.id });
  cleanup.defer(() => state.close());
  if (!dryRun) await bindState(state.stateStore, stateSubject(settings), settings.state);
  return state;
}

async function temporaryFile(cleanup: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'object-transfer-dry-run-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'state.sqlite');
}
