import type { Database, StoredEntity } from './database.ts';
import { invalidArgument } from './datastore-errors.ts';

/** Sees the database as it was at its beginning; can be committed as long as nothing that it read has changed since. */
export interface Transaction {
  readonly id: Buffer;
  readonly database: Database;
  readonly readOnly: boolean;
  readonly snapshot: ReadonlyMap<string, StoredEntity>;
  /** Key texts of what was read, found or not. */
  readonly reads: Set<string>;
}

/** The transactions that were begun and neither committed nor rolled back; they do not expire. */
export class Transactions {
  readonly #open = new Map<string, Transaction>();
  #begun = 0;

  begin(database: Database, readOnly: boolean): Transaction {
    this.#begun += 1;
    const id = Buffer.from(`transaction-${this.#begun}`);
    const transaction = { id, database, readOnly, snapshot: database.entities, reads: new Set<string>() };
    this.#open.set(id.toString(), transaction);
    return transaction;
  }

  /** @throws {GrpcError} INVALID_ARGUMENT unless it is open, and of this database */
  get(id: Buffer, database: Database): Transaction {
    const transaction = this.#open.get(id.toString());
    if (transaction?.database !== database) throw invalidArgument('Transaction is invalid or closed.');
    return transaction;
  }

  end({ id }: Transaction): void {
    this.#open.delete(id.toString());
  }
}

/** True where another commit came between its reads and now. */
export function isOutdated({ database, snapshot, reads }: Transaction): boolean {
  return [...reads].some((key) => database.entities.get(key) !== snapshot.get(key));
}
