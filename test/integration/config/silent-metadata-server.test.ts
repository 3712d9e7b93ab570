import type { Patience } from '@object-transfer/core/config/call-google-service';
import { openDatastoreSettings } from '@object-transfer/core/config/datastore-settings';
import { openSecretManagerSecrets } from '@object-transfer/core/config/secret-manager-secrets';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSilentServer, type SilentServer } from './silent-server.ts';

const projectId = 'migration-project';
const patience: Patience = {
  attemptTimeoutMs: 200,
  totalTimeoutMs: 300,
  retries: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 2 },
};

/** What asks for credentials, on a VM or in a service of Google's, where nobody else has any. */
let silent: SilentServer;
beforeAll(async () => {
  silent = await startSilentServer();
  vi.stubEnv('GCE_METADATA_HOST', silent.host);
  vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
  // There Google's library waits for the metadata server for as long as it takes.
  vi.stubEnv('K_SERVICE', 'a-service');
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
  vi.stubEnv('CLOUDSDK_CONFIG', '/nowhere');
  vi.stubEnv('HOME', '/nowhere');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await silent.close();
});

interface Asking {
  readonly ask: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const SERVICES: readonly (readonly [string, () => Asking])[] = [
  [
    'Datastore',
    () => {
      const settings = openDatastoreSettings({ projectId, configKey: 'CONFIG/dump', patience });
      return { ask: () => settings.readSettings(), close: () => settings.close() };
    },
  ],
  [
    'Secret Manager',
    () => {
      const secrets = openSecretManagerSecrets({ projectId, patience });
      return { ask: () => secrets.readSecret('credentials'), close: () => secrets.close() };
    },
  ],
];

describe('a metadata server that never answers', () => {
  it.each(SERVICES)('is no reason to wait for ever for %s, nor for the end of its client', async (service, open) => {
    const before = silent.connections;
    const { ask, close } = open();
    await expect(ask()).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringMatching(`after 1 try in .* s: ${service} at .*: no answer`) as unknown,
    });
    await vi.waitFor(() => expect(silent.connections).toBeGreaterThan(before), { timeout: 100_000 });
    await close();
  });
});
