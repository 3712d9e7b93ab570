import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnvironmentSecrets } from '@object-transfer/core/config/environment-secrets';
import { describeSecretSource } from './secret-source-suite.ts';

describeSecretSource('the environment', () => {
  const variables: Record<string, string> = {};
  return Promise.resolve({
    source: new EnvironmentSecrets(variables),
    store: (value) => {
      variables['OBJECT_TRANSFER_SECRET_URL_KEY'] = value;
      return Promise.resolve('url-key');
    },
    missingId: 'no-such-secret',
    close: () => Promise.resolve(),
  });
});

describeSecretSource('a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'secrets-'));
  const file = join(directory, 'key.pem');
  return {
    source: new EnvironmentSecrets({}),
    store: async (value) => {
      await writeFile(file, value);
      return `file:${file}`;
    },
    missingId: `file:${join(directory, 'none.pem')}`,
    close: () => rm(directory, { recursive: true }),
  };
});
