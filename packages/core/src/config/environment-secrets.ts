import { readFile } from 'node:fs/promises';
import { ConfigurationError } from '../domain/errors.ts';
import type { SecretSource } from '../ports/secret-source.ts';

const FILE_FORM = 'file:';
const VARIABLE_FORM = 'env:';

/**
 * Secrets of one machine. The id `file:PATH` is read from that file, `env:NAME` from that environment variable; any other
 * id from the environment variable `OBJECT_TRANSFER_SECRET_<ID>`, in upper case and with `_` for all but letters and digits.
 */
export class EnvironmentSecrets implements SecretSource {
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  async readSecret(secretId: string): Promise<string> {
    if (secretId.startsWith(FILE_FORM)) return readSecretFile(secretId, secretId.slice(FILE_FORM.length));
    const variable = secretVariable(secretId);
    const value = this.#environment[variable];
    if (value === undefined || value === '') {
      throw missing(secretId, `the environment variable ${variable} is not set`);
    }
    return value;
  }
}

/** The environment variable in which a secret is looked for. */
function secretVariable(secretId: string): string {
  if (secretId.startsWith(VARIABLE_FORM)) return secretId.slice(VARIABLE_FORM.length);
  return `OBJECT_TRANSFER_SECRET_${secretId.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
}

async function readSecretFile(secretId: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw missing(secretId, error instanceof Error ? error.message : String(error), error);
  }
}

function missing(secretId: string, reason: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('CONFIG_SECRET_MISSING', `no secret ${JSON.stringify(secretId)}: ${reason}`, {
    source: secretId,
    cause,
  });
}
