import { beyondEveryLease } from '../domain/lease-length.ts';
import type { EmbeddedDatabase } from '../state/embedded-database.ts';

/** A message as it is leased. */
export interface QueuedMessage {
  readonly id: number;
  readonly data: string;
  readonly attributes: string;
  readonly deliveryAttempt: number;
  readonly publishedAt: number;
}

/** What a settling statement demands: this delivery, and its lease not yet run out. */
export interface MessageLease {
  readonly id: number;
  readonly leaseOwner: string;
}

const COLUMNS = 'id, data, attributes, delivery_attempt AS deliveryAttempt, published_at AS publishedAt';
const HELD = 'id = ? AND lease_owner = ? AND available_at > ?';

/**
 * The statements of the queue. All are synchronous; those that write are for use inside a transaction. Times are
 * milliseconds since 1970.
 */
export class QueueStatements {
  readonly #insert;
  readonly #selectReturned;
  readonly #selectFresh;
  readonly #selectStray;
  readonly #lease;
  readonly #deleteHeld;
  readonly #delayHeld;
  readonly #returnHeld;
  readonly #keepHeld;
  readonly #keep;
  readonly #delete;
  readonly #counts;
  readonly #countLeased;
  readonly #owners;
  readonly #reclaim;
  readonly #deleteSome;

  constructor(database: EmbeddedDatabase) {
    this.#insert = database.prepare(
      'INSERT INTO queue_messages (subscription, published_at, attributes, data) VALUES (?, ?, ?, ?)',
    );
    this.#selectReturned = database.prepare(
      `SELECT ${COLUMNS} FROM queue_messages
       WHERE subscription = ? AND available_at > 0 AND available_at <= ? ORDER BY available_at, id LIMIT ?`,
    );
    this.#selectFresh = database.prepare(
      `SELECT ${COLUMNS} FROM queue_messages WHERE subscription = ? AND available_at = 0 ORDER BY id LIMIT ?`,
    );
    this.#selectStray = database.prepare(
      `SELECT ${COLUMNS} FROM queue_messages WHERE subscription = ? AND available_at > ? ORDER BY available_at, id LIMIT ?`,
    );
    this.#lease = database.prepare(
      `UPDATE queue_messages SET lease_owner = ?, available_at = ?, delivery_attempt = delivery_attempt + 1 WHERE id = ?`,
    );
    this.#deleteHeld = database.prepare(`DELETE FROM queue_messages WHERE ${HELD}`);
    this.#delayHeld = database.prepare(`UPDATE queue_messages SET available_at = ? WHERE ${HELD}`);
    this.#returnHeld = database.prepare(`UPDATE queue_messages SET lease_owner = NULL, available_at = ? WHERE ${HELD}`);
    this.#keepHeld = database.prepare(keepAsDeadLetter(HELD));
    this.#keep = database.prepare(keepAsDeadLetter('id = ?'));
    this.#delete = database.prepare('DELETE FROM queue_messages WHERE id = ?');
    this.#counts = database.prepare('SELECT messages, dead_letters AS dead FROM queue_counts WHERE subscription = ?');
    this.#countLeased = database.prepare(
      `SELECT count(*) AS leased FROM queue_messages
       WHERE subscription = ? AND available_at > ? AND lease_owner IS NOT NULL`,
    );
    this.#owners = database.prepare(
      'SELECT DISTINCT lease_owner AS owner FROM queue_messages WHERE lease_owner IS NOT NULL',
    );
    this.#reclaim = database.prepare(
      'UPDATE queue_messages SET lease_owner = NULL, available_at = ? WHERE lease_owner = ?',
    );
    this.#deleteSome = database.prepare(
      'DELETE FROM queue_messages WHERE id IN (SELECT id FROM queue_messages WHERE subscription = ? LIMIT ?)',
    );
  }

  insert(subscription: string, message: { readonly data: string; readonly attributes: string }, now: number): void {
    this.#insert.run(subscription, now, message.attributes, message.data);
  }

  /**
   * What came back (its lease ran out, its delay ended), then what was never delivered, in the order of publishing; then what would
   * come back only when a clock that was set back has caught up.
   */
  deliverable(subscription: string, now: number, limit: number): readonly QueuedMessage[] {
    const returned = rows(this.#selectReturned.all(subscription, now, limit));
    if (returned.length === limit) return returned;
    const found = [...returned, ...rows(this.#selectFresh.all(subscription, limit - returned.length))];
    if (found.length > 0) return found;
    return rows(this.#selectStray.all(subscription, beyondEveryLease(now), limit));
  }

  lease(lease: MessageLease, expiresAt: number): void {
    this.#lease.run(lease.leaseOwner, expiresAt, lease.id);
  }

  deleteHeld(lease: MessageLease, now: number): boolean {
    return this.#deleteHeld.run(lease.id, lease.leaseOwner, now).changes === 1;
  }

  extendHeld(lease: MessageLease, now: number, expiresAt: number): boolean {
    return this.#delayHeld.run(expiresAt, lease.id, lease.leaseOwner, now).changes === 1;
  }

  returnHeld(lease: MessageLease, now: number, availableAt: number): boolean {
    return this.#returnHeld.run(availableAt, lease.id, lease.leaseOwner, now).changes === 1;
  }

  deadLetterHeld(lease: MessageLease, now: number, reason: string): boolean {
    const kept = this.#keepHeld.run(now, reason, lease.id, lease.leaseOwner, now).changes === 1;
    if (kept) this.#delete.run(lease.id);
    return kept;
  }

  deadLetter(id: number, now: number, reason: string): void {
    this.#keep.run(now, reason, id);
    this.#delete.run(id);
  }

  counts(subscription: string): { readonly messages: number; readonly deadLetters: number } {
    const row = this.#counts.get(subscription);
    return { messages: Number(row?.['messages'] ?? 0), deadLetters: Number(row?.['dead'] ?? 0) };
  }

  countLeased(subscription: string, now: number): number {
    return Number(this.#countLeased.get(subscription, now)?.['leased']);
  }

  leaseOwners(): readonly string[] {
    return this.#owners.all().map((row) => String(row['owner']));
  }

  /** @returns how many messages it held */
  reclaim(leaseOwner: string, now: number): number {
    return Number(this.#reclaim.run(now, leaseOwner).changes);
  }

  /** Whoever holds them. @returns how many */
  deleteSome(subscription: string, limit: number): number {
    return Number(this.#deleteSome.run(subscription, limit).changes);
  }
}

function keepAsDeadLetter(condition: string): string {
  return `INSERT INTO queue_dead_letters
      (id, subscription, delivery_attempt, published_at, attributes, data, dead_lettered_at, reason)
    SELECT id, subscription, delivery_attempt, published_at, attributes, data, ?, ? FROM queue_messages WHERE ${condition}`;
}

function rows(result: readonly Record<string, unknown>[]): readonly QueuedMessage[] {
  return result as unknown as readonly QueuedMessage[];
}
