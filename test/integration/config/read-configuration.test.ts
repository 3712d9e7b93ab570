import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startDatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import { startSecretManagerServer } from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import { describe, expect, it } from 'vitest';
import { startSilentServer } from './silent-server.ts';

const PROGRAM = new URL('read-configuration-process.ts', import.meta.url).pathname;
const run = promisify(execFile);

/** @returns what the process printed, line by line, once it has ended by itself */
async function readInProcess(environment: Readonly<Record<string, string>>): Promise<readonly unknown[]> {
  const env = { PATH: process.env['PATH'], ...environment };
  const { stdout, stderr } = await run(process.execPath, [PROGRAM], { env });
  expect(stderr).toBe('');
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

describe('a process that reads its configuration', () => {
  it('ends when it has closed its sources, and says nothing else', async () => {
    await using running = new AsyncDisposableStack();
    const datastore = running.adopt(await startDatastoreServer(), (server) => server.close());
    const secretManager = running.adopt(await startSecretManagerServer(), (server) => server.close());
    datastore.putEntity('migration-project', 'CONFIG', 'dump', { mysql_table: 'transfer_state' });
    secretManager.putSecret('migration-project', 'object-transfer-credentials', '{}');
    const metadata = running.adopt(await startSilentServer(), (server) => server.close());
    const printed = await readInProcess({
      DATASTORE_EMULATOR_HOST: datastore.host,
      SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
      CLOUDSDK_CONFIG: '/nowhere',
      GCE_METADATA_HOST: metadata.host,
    });
    expect(printed).toEqual([{ mysql_table: 'transfer_state' }, '{}']);
    // An emulator wants no credentials: nobody is asked for any.
    expect(metadata.connections).toBe(0);
  });

  it('says where Google credentials are missing, and ends', async () => {
    const printed = await readInProcess({ GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/credentials.json' });
    expect(printed).toEqual(
      ['Datastore', 'Secret Manager'].map((service) => ({
        code: 'CONFIG_ACCESS_DENIED',
        message: expect.stringMatching(`^no Google credentials for ${service}: .*/nowhere/credentials.json`) as unknown,
      })),
    );
  });
});
