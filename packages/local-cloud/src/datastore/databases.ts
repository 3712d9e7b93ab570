import { Database } from './database.ts';
import { invalidArgument } from './datastore-errors.ts';
import type { DatabaseRef } from './wire-types.ts';

/** The databases of every project. Any project has any database that somebody names. */
export class Databases {
  readonly #databases = new Map<string, Database>();

  /** @throws {GrpcError} INVALID_ARGUMENT */
  get({ projectId, databaseId }: DatabaseRef): Database {
    if (projectId === '') throw invalidArgument('The project id is the empty string.');
    const name = `${projectId}/${databaseId}`;
    const database = this.#databases.get(name) ?? new Database();
    this.#databases.set(name, database);
    return database;
  }
}
