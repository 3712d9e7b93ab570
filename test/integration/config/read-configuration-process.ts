import { describeError } from '@object-transfer/core/domain/classify-error';
import { openDatastoreSettings } from '@object-transfer/core/config/datastore-settings';
import { openSecretManagerSecrets } from '@object-transfer/core/config/secret-manager-secrets';

/** Prints a configuration and a secret of it, or why it could not, and comes to its own end. */
const { DATASTORE_EMULATOR_HOST: datastoreHost, SECRET_MANAGER_EMULATOR_HOST: secretManagerHost } = process.env;
const projectId = 'migration-project';
const settings = openDatastoreSettings({ projectId, configKey: 'CONFIG/dump', emulatorHost: datastoreHost });
const secrets = openSecretManagerSecrets({ projectId, emulatorHost: secretManagerHost });
for (const read of [() => settings.readSettings(), () => secrets.readSecret('object-transfer-credentials')]) {
  console.log(JSON.stringify(await read().catch((error: unknown) => describeError(error))));
}
await settings.close();
await secrets.close();
