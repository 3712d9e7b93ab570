import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { StateError } from '../domain/errors.ts';
import { Mutex } from './mutex.ts';
import { isSqliteBusy, toStateError } from './sqlite-errors.ts';

/**
 * The one connection of this process to the state file, shared by the state store and the queue.
 *
 * Why one and not two: the state store's transactions span awaits. A second connection that wanted to write in such a
 * gap would block the only thread in SQLite's busy handler, and with it the very transaction that it waits for. On a
 * shared connection it would join that transaction. So there is one connection, and a mutex: a transaction of the state
 * store holds it from begin to commit; the queue's work is synchronous functions that run while they hold it.
 *
 * Group commit: all functions given to {@link write} since the last commit run in one transaction, so that a hundred
 * acks cost one fsync. Should one of them fail, the group is rolled back and each runs again in a transaction of its
 * own; hence such a function must have no effect but on the database.
 *
 * Other processes: every writing transaction begins IMMEDIATE, so that it waits at its beginning or not at all. The
 * waiting is done in timers and not in SQLite's busy handler, which would stop the whole process.
 */
export class EmbeddedDatabase {
  readonly file: string;
  readonly connection: DatabaseSync;
  readonly #busyTimeoutMs: number;
  readonly #mutex = new Mutex();
  #pending: PendingWrite[] = [];
  #lastGroup: Promise<void> = Promise.resolve();
  #users = 0;

  /** @param busyTimeoutMs how long a writer waits for other processes before it gives up */
  constructor(file: string, connection: DatabaseSync, busyTimeoutMs: number) {
    this.file = file;
    this.connection = connection;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  prepare(sql: string): StatementSync {
    return this.connection.prepare(sql);
  }

  /** Runs a synchronous query. @throws StateError */
  async read<T>(op: string, query: () => T): Promise<T> {
    const release = await this.acquire(op);
    try {
      return await this.whenNotBusy(query);
    } catch (error) {
      throw toStateError(error, op, this.file);
    } finally {
      release();
    }
  }

  /**
   * Runs a synchronous function in a transaction, see group commit above.
   * @returns what it returned, once that is on disk
   * @throws StateError; what the function threw
   */
  async write<T>(op: string, transaction: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // Everything that is called in the same turn of the event loop makes one group.
    if (this.#pending.length === 0) this.#lastGroup = nextTurn().then(() => this.#writePending());
    this.#pending.push({
      op,
      run: () => {
        const result = transaction();
        return () => resolve(result);
      },
      reject,
    });
    return promise;
  }

  /** For the state store, whose statements and transactions span awaits. @returns what ends the exclusive use */
  async acquire(op: string): Promise<() => void> {
    // All else here resolves without a turn of the event loop: a caller's loop would starve timers and sockets.
    await nextTurn();
    const release = await this.#mutex.acquire();
    if (this.connection.isOpen) return release;
    release();
    throw this.#closedError(op);
  }

  /** To be called by the holder only. */
  async begin(): Promise<void> {
    await this.whenNotBusy(() => this.connection.exec('BEGIN IMMEDIATE'));
  }

  /** To be called by the holder only. */
  commit(): void {
    this.connection.exec('COMMIT');
  }

  /** To be called by the holder only. */
  rollback(): void {
    // A full disk or an I/O error has ended the transaction already.
    if (this.connection.isTransaction) this.connection.exec('ROLLBACK');
  }

  /** Runs a statement outside of a transaction, or the beginning of one, until no other process is in its way. */
  async whenNotBusy<T>(statement: () => T): Promise<T> {
    const deadline = performance.now() + this.#busyTimeoutMs;
    for (;;) {
      try {
        return statement();
      } catch (error) {
        if (!isSqliteBusy(error) || performance.now() >= deadline) throw error;
      }
      await delay(1 + Math.random() * 10);
    }
  }

  /** Registers a user of the file. @returns what ends its use, any number of times; the last to end closes the file */
  share(): () => Promise<void> {
    this.#users++;
    let ended: Promise<void> | undefined;
    return () => (ended ??= this.#endUse());
  }

  async #endUse(): Promise<void> {
    if (--this.#users > 0) return;
    await this.#lastGroup;
    const release = await this.#mutex.acquire();
    this.connection.close();
    release();
  }

  async #writePending(): Promise<void> {
    const release = await this.#mutex.acquire();
    const group = this.#pending;
    this.#pending = [];
    try {
      if (this.connection.isOpen) await this.#writeGroup(group);
      else for (const write of group) write.reject(this.#closedError(write.op));
    } finally {
      release();
    }
  }

  async #writeGroup(group: readonly PendingWrite[]): Promise<void> {
    let begun = false;
    try {
      await this.begin();
      begun = true;
      const settle = group.map((write) => write.run());
      this.commit();
      for (const resolve of settle) resolve();
    } catch (error) {
      this.#rollbackQuietly();
      if (begun && group.length > 1) {
        // It concerns one of them, who gets it when each runs alone.
        for (const write of group) await this.#writeGroup([write]);
      } else {
        for (const write of group) write.reject(toStateError(error, write.op, this.file));
      }
    }
  }

  /** Whoever waits for a write is told why it failed; that taking it back failed, too, must not leave them waiting. */
  #rollbackQuietly(): void {
    try {
      this.rollback();
    } catch {
      // SQLite takes the transaction back when the file is next used, as after a crash.
    }
  }

  #closedError(op: string): StateError {
    return new StateError('STATE_UNAVAILABLE', `state file ${this.file} has been closed`, { op, source: this.file });
  }
}

interface PendingWrite {
  readonly op: string;
  /** Does the work; what it returns is called after the commit. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}
