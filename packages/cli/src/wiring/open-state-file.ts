import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';

/**
 * Opens the state file. A dry run leaves no file behind where there was none.
 * @param cleanup closes it again
 * @throws ConfigurationError where the file cannot be used
 */
export async function openStateFile(
  stateFile: string,
  identity: ProcessIdentity,
  dryRun: boolean,
  cleanup: AsyncDisposableStack,
): Promise<EmbeddedState> {
  const file = dryRun && !existsSync(stateFile) ? await temporaryFile(cleanup) : stateFile;
  const state = await openEmbeddedState(file, { owner: identity.id });
  cleanup.defer(() => state.close());
  return state;
}

async function temporaryFile(cleanup: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'object-transfer-dry-run-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'state.sqlite');
}
