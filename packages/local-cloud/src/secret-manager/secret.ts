import { status } from '@grpc/grpc-js';
import { crc32c } from '@node-rs/crc32';
import { GrpcError } from '../grpc/grpc-error.ts';

export type VersionState = 'ENABLED' | 'DISABLED' | 'DESTROYED';

/** `google.protobuf.Timestamp`. */
interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

/** What a client gives and gets of a secret, beside its name and times. */
export interface SecretFields {
  readonly replication?: unknown;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const MAX_PAYLOAD_BYTES = 64 * 1024;

/** A secret and its versions, numbered from 1. */
export class Secret {
  readonly name: string;
  readonly createTime = now();
  readonly fields: SecretFields;
  readonly versions: SecretVersion[] = [];

  constructor(name: string, fields: SecretFields) {
    this.name = name;
    this.fields = fields;
  }

  /**
   * @param checksum the crc32c that the client computed, in decimal
   * @throws {GrpcError} INVALID_ARGUMENT
   */
  addVersion(data: Buffer, checksum?: string): SecretVersion {
    if (data.length === 0) throw new GrpcError(status.INVALID_ARGUMENT, 'Secret Payload cannot be empty.');
    if (data.length > MAX_PAYLOAD_BYTES) {
      throw new GrpcError(status.INVALID_ARGUMENT, `Secret Payload size must not exceed ${MAX_PAYLOAD_BYTES} bytes.`);
    }
    if (checksum !== undefined && Number(checksum) !== crc32c(data)) {
      throw new GrpcError(status.INVALID_ARGUMENT, 'The checksum of the Secret Payload does not match its data.');
    }
    const version = new SecretVersion(
      `${this.name}/versions/${this.versions.length + 1}`,
      data,
      checksum !== undefined,
    );
    this.versions.push(version);
    return version;
  }

  /**
   * @param version a number, or `latest`: the newest, whatever its state
   * @throws {GrpcError} NOT_FOUND
   */
  version(version: string): SecretVersion {
    const found = version === 'latest' ? this.versions.at(-1) : this.versions[Number(version) - 1];
    if (found !== undefined) return found;
    const missing =
      version === 'latest'
        ? `Secret [${this.name}] not found or has no versions.`
        : `Secret Version [${this.name}/versions/${version}] not found.`;
    throw new GrpcError(status.NOT_FOUND, missing);
  }

  /** As the API gives it. */
  describe(): object {
    return { ...this.fields, name: this.name, createTime: this.createTime };
  }
}

export class SecretVersion {
  readonly name: string;
  readonly createTime = now();
  readonly clientSpecifiedPayloadChecksum: boolean;
  #state: VersionState = 'ENABLED';
  #destroyTime: Timestamp | undefined;
  #data: Buffer;

  constructor(name: string, data: Buffer, clientSpecifiedPayloadChecksum: boolean) {
    this.name = name;
    this.#data = data;
    this.clientSpecifiedPayloadChecksum = clientSpecifiedPayloadChecksum;
  }

  /** @throws {GrpcError} FAILED_PRECONDITION unless it is enabled */
  access(): { readonly data: Buffer; readonly dataCrc32c: number } {
    if (this.#state !== 'ENABLED') throw this.#wrongState();
    return { data: this.#data, dataCrc32c: crc32c(this.#data) };
  }

  /** @throws {GrpcError} FAILED_PRECONDITION where it is destroyed already: nothing leads back */
  changeState(state: VersionState): void {
    if (this.#state === 'DESTROYED') throw this.#wrongState();
    this.#state = state;
    if (state !== 'DESTROYED') return;
    this.#destroyTime = now();
    this.#data = Buffer.alloc(0);
  }

  /** As the API gives it: without the data. */
  describe(): object {
    const { name, createTime, clientSpecifiedPayloadChecksum } = this;
    return { name, createTime, clientSpecifiedPayloadChecksum, state: this.#state, destroyTime: this.#destroyTime };
  }

  #wrongState(): GrpcError {
    return new GrpcError(status.FAILED_PRECONDITION, `Secret Version [${this.name}] is in ${this.#state} state.`);
  }
}

function now(): Timestamp {
  const ms = Date.now();
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 };
}
