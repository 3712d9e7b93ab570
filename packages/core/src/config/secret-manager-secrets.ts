import { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import { status } from '@grpc/grpc-js';
import { crc32c } from '@node-rs/crc32';
import { ConfigurationError, ServiceError } from '../domain/errors.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import { callGoogleService, closeGoogleClient, type CallOptions, type Patience } from './call-google-service.ts';
import { resolveGoogleEndpoint, type GoogleServiceEndpoint } from './google-service-endpoint.ts';
import { secretVersionName } from './secret-version-name.ts';

export interface SecretManagerSecretsOptions {
  /** The project of secrets that are given by their bare id. */
  readonly projectId: string;
  /** `SECRET_MANAGER_EMULATOR_HOST`, `host:port` without TLS; without it, Google's Secret Manager. */
  readonly emulatorHost?: string | undefined;
  readonly patience?: Patience | undefined;
}

/**
 * Secrets from Secret Manager: an id, `projects/PROJECT/secrets/ID`, or that with `/versions/VERSION`. Without a version
 * the newest is read, whatever its state. Needs `secretmanager.versions.access`. Nothing is connected before the first reading.
 * @throws ConfigurationError `CONFIG_INVALID` for a malformed emulator host
 * @see https://cloud.google.com/secret-manager/docs/reference/rpc/google.cloud.secretmanager.v1
 */
export function openSecretManagerSecrets(options: SecretManagerSecretsOptions): SecretManagerSecrets {
  return new SecretManagerSecrets(options);
}

class SecretManagerSecrets implements SecretSource {
  readonly #projectId: string;
  readonly #endpoint: GoogleServiceEndpoint;
  readonly #client: SecretManagerServiceClient;
  readonly #patience: Patience | undefined;

  constructor(options: SecretManagerSecretsOptions) {
    this.#projectId = options.projectId;
    this.#endpoint = resolveGoogleEndpoint('secretmanager.googleapis.com', {
      variable: 'SECRET_MANAGER_EMULATOR_HOST',
      host: options.emulatorHost,
    });
    this.#client = new SecretManagerServiceClient(this.#endpoint.clientOptions);
    this.#patience = options.patience;
  }

  /**
   * @throws ConfigurationError `CONFIG_SECRET_MISSING` also for a version that is disabled or destroyed;
   *   `CONFIG_SECRET_INVALID` where it is not text; `CONFIG_INVALID` for a malformed id; `CONFIG_ACCESS_DENIED`
   * @throws ServiceError `SERVICE_UNAVAILABLE`, `SERVICE_REJECTED`
   */
  async readSecret(secretId: string): Promise<string> {
    const name = secretVersionName(secretId, this.#projectId);
    const data = await this.#access(secretId, name);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
      // The decoder's error has nothing to add.
      throw new ConfigurationError(
        'CONFIG_SECRET_INVALID',
        `the secret ${JSON.stringify(secretId)} is not UTF-8 text`,
        {
          op: 'AccessSecretVersion',
          source: secretId,
        },
      );
    }
  }

  /** Ends the connection. What is being read fails. */
  close(): Promise<void> {
    return closeGoogleClient(this.#client);
  }

  #access(secretId: string, name: string): Promise<Uint8Array> {
    const context = { op: 'AccessSecretVersion', source: secretId };
    const call = {
      ...context,
      service: 'Secret Manager',
      host: this.#endpoint.host,
      projectId: name.split('/')[1] ?? this.#projectId,
      explain: (code: status, details: string) =>
        code === status.NOT_FOUND || code === status.FAILED_PRECONDITION
          ? new ConfigurationError(
              'CONFIG_SECRET_MISSING',
              `no secret ${JSON.stringify(secretId)} (${name}): ${details}`,
              context,
            )
          : undefined,
    };
    const request = async (options: CallOptions): Promise<Uint8Array> => {
      const [{ payload }] = await this.#client.accessSecretVersion({ name }, options);
      const data = Buffer.from(payload?.data ?? '');
      const expected = payload?.dataCrc32c ?? undefined;
      if (expected !== undefined && Number(expected) !== crc32c(data)) {
        throw new ServiceError('SERVICE_UNAVAILABLE', `${name} was damaged on the way: its crc32c is another`, context);
      }
      return data;
    };
    return callGoogleService(call, this.#client, request, this.#patience);
  }
}
