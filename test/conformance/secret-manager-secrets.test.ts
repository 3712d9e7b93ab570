import { openSecretManagerSecrets } from '@object-transfer/core/config/secret-manager-secrets';
import { startSecretManagerServer } from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import { describeSecretSource } from './secret-source-suite.ts';

describeSecretSource('Secret Manager', async () => {
  const server = await startSecretManagerServer();
  const source = openSecretManagerSecrets({ projectId: 'conformance', emulatorHost: server.host });
  return {
    source,
    store: (value) => {
      server.putSecret('conformance', 'signing-key', value);
      return Promise.resolve('signing-key');
    },
    missingId: 'no-such-secret',
    close: async () => {
      await source.close();
      await server.close();
    },
  };
});
