import { status } from '@grpc/grpc-js';
import { GrpcError } from '../grpc/grpc-error.ts';
import { secretName, type SecretName } from './resource-names.ts';
import { Secret, type SecretFields } from './secret.ts';

/** The secrets of every project, in memory. */
export class SecretStore {
  readonly #secrets = new Map<string, Secret>();

  /** @throws {GrpcError} INVALID_ARGUMENT, ALREADY_EXISTS */
  create(id: SecretName, fields: SecretFields): Secret {
    if (!/^[\w-]{1,255}$/.test(id.secretId)) {
      const rule = 'does not match the expected format [[a-zA-Z_0-9-]{1,255}]';
      throw new GrpcError(status.INVALID_ARGUMENT, `The provided Secret ID [${id.secretId}] ${rule}`);
    }
    const name = secretName(id);
    if (this.#secrets.has(name)) throw new GrpcError(status.ALREADY_EXISTS, `Secret [${name}] already exists.`);
    const secret = new Secret(name, fields);
    this.#secrets.set(name, secret);
    return secret;
  }

  find(id: SecretName): Secret | undefined {
    return this.#secrets.get(secretName(id));
  }

  /** @throws {GrpcError} NOT_FOUND */
  get(id: SecretName): Secret {
    const secret = this.find(id);
    if (secret === undefined) throw new GrpcError(status.NOT_FOUND, `Secret [${secretName(id)}] not found.`);
    return secret;
  }

  /** In the order of their making. */
  ofProject(project: string): readonly Secret[] {
    const prefix = secretName({ project, secretId: '' });
    return [...this.#secrets.values()].filter(({ name }) => name.startsWith(prefix));
  }

  /** @throws {GrpcError} NOT_FOUND */
  delete(id: SecretName): void {
    this.#secrets.delete(this.get(id).name);
  }
}
