import { readFile } from 'node:fs/promises';
import { ConfigurationError } from '@object-transfer/core/domain/errors';

/** The PEM text of `url_signer_private_key_file`. @throws ConfigurationError `CONFIG_KEY_UNREADABLE` */
export async function readPrivateKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError('CONFIG_KEY_UNREADABLE', `url_signer_private_key_file cannot be read: ${reason}`, {
      cause: error,
    });
  }
}
