import { v1 } from '@google-cloud/datastore';
import { status } from '@grpc/grpc-js';
import { ConfigurationError } from '../domain/errors.ts';
import type { SettingsSource } from '../ports/settings-source.ts';
import { callGoogleService, closeGoogleClient, type CallOptions, type Patience } from './call-google-service.ts';
import { parseConfigKey, type ConfigKey } from './config-key.ts';
import { entitySettings } from './datastore-value.ts';
import { resolveGoogleEndpoint, type GoogleServiceEndpoint } from './google-service-endpoint.ts';

export interface DatastoreSettingsOptions {
  readonly projectId: string;
  /** `KIND/NAME`. A name of digits only is also tried as the number of an entity that has no name. */
  readonly configKey: string;
  /** `DATASTORE_EMULATOR_HOST`; without it, Google's Datastore. */
  readonly emulatorHost?: string | undefined;
  readonly patience?: Patience | undefined;
}

/** How many other entities are named where the one asked for is missing. */
const NAMED_ENTITIES = 10;

/**
 * Settings from a Datastore entity of the default namespace, one property a field. Needs `datastore.entities.get`.
 * Nothing is connected before the first reading.
 * @throws ConfigurationError `CONFIG_INVALID` for a malformed key or emulator host
 * @see https://cloud.google.com/datastore/docs/reference/data/rpc/google.datastore.v1
 */
export function openDatastoreSettings(options: DatastoreSettingsOptions): DatastoreSettings {
  return new DatastoreSettings(options);
}

class DatastoreSettings implements SettingsSource {
  readonly description: string;
  readonly unknownFields = 'warning';
  readonly #projectId: string;
  readonly #key: ConfigKey;
  readonly #endpoint: GoogleServiceEndpoint;
  readonly #client: v1.DatastoreClient;
  readonly #patience: Patience | undefined;

  constructor(options: DatastoreSettingsOptions) {
    this.#key = parseConfigKey(options.configKey);
    this.description = `Datastore entity ${options.configKey}`;
    this.#projectId = options.projectId;
    this.#endpoint = resolveGoogleEndpoint('datastore.googleapis.com', {
      variable: 'DATASTORE_EMULATOR_HOST',
      host: options.emulatorHost,
    });
    this.#client = new v1.DatastoreClient(this.#endpoint.clientOptions);
    this.#patience = options.patience;
  }

  /**
   * @throws ConfigurationError `CONFIG_ENTITY_MISSING`, `CONFIG_ACCESS_DENIED`, `CONFIG_INVALID` for a value that no
   *   setting can be
   * @throws ServiceError `SERVICE_UNAVAILABLE`, `SERVICE_REJECTED`
   */
  async readSettings(): Promise<Readonly<Record<string, unknown>>> {
    const { kind, name, id } = this.#key;
    const keys = [{ path: [{ kind, name }] }, ...(id === undefined ? [] : [{ path: [{ kind, id }] }])];
    const found = await this.#call('Lookup', async (options) => {
      const [answer] = await this.#client.lookup({ projectId: this.#projectId, keys }, options);
      // An overloaded Datastore may put keys off: the next try asks for them again.
      if ((answer.deferred ?? []).length > 0) throw Object.assign(new Error('deferred'), { code: status.UNAVAILABLE });
      return answer.found ?? [];
    });
    const named = found.find(({ entity }) => entity?.key?.path?.[0]?.name === name);
    const entity = (named ?? found[0])?.entity;
    if (entity === undefined || entity === null) throw this.#missing(await this.#describeKind());
    return entitySettings(entity, this.description);
  }

  /** Ends the connection. What is being read fails. */
  close(): Promise<void> {
    return closeGoogleClient(this.#client);
  }

  #call<T>(op: string, request: (options: CallOptions) => Promise<T>): Promise<T> {
    const call = {
      service: 'Datastore',
      host: this.#endpoint.host,
      projectId: this.#projectId,
      op,
      source: this.description,
      // A missing entity is no error to Datastore: what it does not find is the project's database.
      explain: (code: status, details: string) => (code === status.NOT_FOUND ? this.#missing(details) : undefined),
    };
    return callGoogleService(call, this.#client, request, this.#patience);
  }

  /** What there is instead. Whoever may read one entity may not be allowed to list them: then nothing is said. */
  async #describeKind(): Promise<string> {
    const { kind } = this.#key;
    const query = {
      kind: [{ name: kind }],
      projection: [{ property: { name: '__key__' } }],
      limit: { value: NAMED_ENTITIES + 1 },
    };
    try {
      const [{ batch }] = await this.#client.runQuery(
        { projectId: this.#projectId, query },
        { timeout: 5000, retry: null },
      );
      const others = (batch?.entityResults ?? []).map(({ entity }) => {
        const last = entity?.key?.path?.at(-1);
        return last?.name ?? String(last?.id);
      });
      if (others.length === 0) return `there is no entity of the kind ${kind}`;
      const more = others.length > NAMED_ENTITIES ? ', …' : '';
      return `the kind ${kind} has ${others.slice(0, NAMED_ENTITIES).join(', ')}${more}`;
    } catch {
      return '';
    }
  }

  #missing(hint: string): ConfigurationError {
    const { kind, name } = this.#key;
    const what = `no Datastore entity of the kind ${kind} named ${name} in the project ${this.#projectId}`;
    return new ConfigurationError('CONFIG_ENTITY_MISSING', hint === '' ? what : `${what}: ${hint}`, {
      op: 'Lookup',
      source: this.description,
    });
  }
}
