import { status } from '@grpc/grpc-js';
import { GrpcError } from '../grpc/grpc-error.ts';
import { isComplete, keyText, requireComplete, type NormalKey } from './entity-key.ts';
import type { PathElement, Timestamp, Value } from './wire-types.ts';

/** Never changed, only replaced: whoever holds one holds a snapshot. */
export interface StoredEntity {
  readonly key: NormalKey;
  readonly properties: Readonly<Record<string, Value>>;
  readonly version: number;
  readonly createTime: Timestamp;
  readonly updateTime: Timestamp;
}

export type WriteKind = 'insert' | 'update' | 'upsert';

/** Ids that clients choose are rarely as large, and Datastore's own are. */
const FIRST_CHOSEN_ID = 5_000_000_000_000_000n;

/** The entities of one database. */
export class Database {
  #entities: ReadonlyMap<string, StoredEntity> = new Map();
  #version = 0;
  #lastId = FIRST_CHOSEN_ID;

  /** As they are now; what is written later does not show in it. */
  get entities(): ReadonlyMap<string, StoredEntity> {
    return this.#entities;
  }

  /** Writes all that `write` does, or nothing where it throws. */
  change<T>(write: (changes: DatabaseChanges) => T): T {
    const entities = new Map(this.#entities);
    const changes = new DatabaseChanges(entities, this.#version + 1, (path) => this.completePath(path));
    const result = write(changes);
    this.#version += 1;
    this.#entities = entities;
    return result;
  }

  /** Gives an id to a path that has none. */
  completePath(path: readonly PathElement[]): readonly PathElement[] {
    const last = path.at(-1);
    if (last === undefined || isComplete(last)) return path;
    this.#lastId += 1n;
    return [...path.slice(0, -1), { kind: last.kind, id: String(this.#lastId) }];
  }

  /** Never chooses this id, nor one below it, from now on. */
  reserveId(id: string): void {
    if (BigInt(id) > this.#lastId) this.#lastId = BigInt(id);
  }
}

/** What happens to a database in one step. */
export class DatabaseChanges {
  readonly version: number;
  readonly time = now();
  readonly #entities: Map<string, StoredEntity>;
  readonly #completePath: (path: readonly PathElement[]) => readonly PathElement[];

  constructor(
    entities: Map<string, StoredEntity>,
    version: number,
    completePath: (path: readonly PathElement[]) => readonly PathElement[],
  ) {
    this.#entities = entities;
    this.version = version;
    this.#completePath = completePath;
  }

  /**
   * @param key may be incomplete, except for an update
   * @throws {GrpcError} ALREADY_EXISTS, NOT_FOUND, INVALID_ARGUMENT
   */
  put(kind: WriteKind, key: NormalKey, properties: Readonly<Record<string, Value>>): StoredEntity {
    const complete = kind === 'update' ? requireComplete(key) : { ...key, path: this.#completePath(key.path) };
    const text = keyText(complete);
    const before = this.#entities.get(text);
    if (kind === 'insert' && before !== undefined) {
      throw new GrpcError(status.ALREADY_EXISTS, `entity already exists: ${text}`);
    }
    if (kind === 'update' && before === undefined) {
      throw new GrpcError(status.NOT_FOUND, `no entity to update: ${text}`);
    }
    const { version, time } = this;
    const createTime = before?.createTime ?? time;
    const entity = { key: complete, properties, version, createTime, updateTime: time };
    this.#entities.set(text, entity);
    return entity;
  }

  delete(key: NormalKey): void {
    this.#entities.delete(keyText(requireComplete(key)));
  }
}

export function now(): Timestamp {
  const ms = Date.now();
  return { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
}
