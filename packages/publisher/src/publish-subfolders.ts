import { setTimeout as delay } from 'node:timers/promises';
import { encodeSubfolderMessage, type MessageFormat } from '@object-transfer/core/domain/message-codec';
import { isCheckDue, isRepairDue, type Subfolder } from '@object-transfer/core/domain/subfolder';
import type { MessagePublisher } from '@object-transfer/core/ports/message-queue';
import type { ClaimTarget, StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';

/**
 * Puts subfolders on the queue that are to be compared or repaired. What becomes of one:
 *
 *   due      -> claimed    A lease makes it this publisher's, for the moment that publishing takes.
 *   claimed  -> published  The queue has confirmed its message: only then is the row marked, under the same lease.
 *   claimed  -> due        Told to stop, or the queue failed: the lease is given back.
 *   claimed  -> lost       The lease ran out on the way. The next holder publishes it once more, which does no harm: a worker
 *                          that has the second message finds the work done.
 *
 * With `recheck`, what was compared before follows, in one walk over the rows and without a lease: it is published already,
 * and whoever breaks off begins anew. What was compared before and due all the same comes twice, which does no harm either.
 */
export interface PublishSubfoldersOptions {
  readonly target: 'syncCheck' | 'rsync';
  readonly store: Pick<
    StateStore,
    'claimSubfolders' | 'releaseSubfolder' | 'confirmWorkPublished' | 'countHeldUnpublished' | 'listSubfolders' | 'now'
  >;
  readonly publisher: Pick<MessagePublisher, 'publish'>;
  readonly topic: string;
  readonly maxMessagesPerBatch: number;
  /** Default `v2`; the reference's array has no place for the root's row `''`, which then travels alone as `v2`. */
  readonly messageFormat?: MessageFormat | undefined;
  /** Subfolders per message, at most. */
  readonly numSingleMessage: number;
  /** Who claims: a process id. */
  readonly owner: string;
  readonly leaseMs: number;
  /** `rsync`: also those that are equal but for what only the destination has. */
  readonly deleteExtra?: boolean | undefined;
  /** `syncCheck`: also what was compared before, once. */
  readonly recheck?: boolean | undefined;
  /** `drained`: ends when nothing is due. `stopped`: goes on looking until `signal` aborts. */
  readonly until: 'drained' | 'stopped';
  /** Between looks, where nothing is due; default 5,000. */
  readonly pollMs?: number | undefined;
  /** Called when the queue has confirmed messages, with what they add. */
  readonly onPublished?: ((subfolders: number, messages: number) => void) | undefined;
  /** Counts what would be published. */
  readonly dryRun?: boolean | undefined;
  /** Ends the work early: it is no error, what was done until then is returned. A dry run rejects with its reason. */
  readonly signal: AbortSignal;
}

export interface PublishedSubfolders {
  readonly subfolders: number;
  readonly messages: number;
  /** Of the subfolders: compared before. */
  readonly rechecked: number;
  /** Subfolders whose lease ran out on the way: somebody else publishes them. */
  readonly leasesLost: number;
  /** Subfolders that others held at the end. */
  readonly leasedByOthers: number;
}

/** Held for as long as one publish call takes: a process that dies delays few. */
const MAX_CLAIM = 200;
const DEFAULT_POLL_MS = 5_000;
const ROWS_PER_PAGE = 500;

/** @throws StateError, whatever the queue throws */
export async function publishSubfolders(options: PublishSubfoldersOptions): Promise<PublishedSubfolders> {
  if (options.dryRun === true) return countDue(options);
  const publishing = new SubfolderPublishing(options);
  const { store, until, signal, pollMs = DEFAULT_POLL_MS } = options;
  const targets: readonly WorkTarget[] =
    options.target === 'rsync' && options.deleteExtra === true ? ['rsync', 'rsyncExtras'] : [options.target];
  for (;;) {
    for (const target of targets) while (!signal.aborted && (await publishing.publishClaim(target)));
    if (options.recheck === true && publishing.rechecked === undefined) await publishing.recheck();
    if (until === 'drained' || signal.aborted) break;
    await delay(pollMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
  let leasedByOthers = 0;
  for (const target of targets) leasedByOthers += await store.countHeldUnpublished(target);
  return { ...publishing.counters, rechecked: publishing.rechecked ?? 0, leasedByOthers };
}

type WorkTarget = Exclude<ClaimTarget, 'objects'>;

class SubfolderPublishing {
  readonly counters = { subfolders: 0, messages: 0, leasesLost: 0 };
  rechecked: number | undefined;
  readonly #options: PublishSubfoldersOptions;

  constructor(options: PublishSubfoldersOptions) {
    this.#options = options;
  }

  /** @returns false where nothing was to be claimed */
  async publishClaim(target: WorkTarget): Promise<boolean> {
    const { store, owner, leaseMs } = this.#options;
    const leases = await store.claimSubfolders({ owner, leaseMs, limit: this.#subfoldersAtATime, target });
    if (leases.length === 0) return false;
    try {
      await this.#publish(leases.map(({ dirKey }) => dirKey));
    } catch (error) {
      await Promise.allSettled(leases.map((lease) => store.releaseSubfolder(lease)));
      throw error;
    }
    await this.#confirm(leases, target);
    return true;
  }

  /** Publishes what was compared before this began. */
  async recheck(): Promise<void> {
    const beganAt = await this.#options.store.now();
    this.rechecked = 0;
    for await (const rows of pagesOf(this.#options.store)) {
      const now = await this.#options.store.now();
      const again = rows.filter((row) => wasCompared(row, beganAt, now)).map(({ dirKey }) => dirKey);
      for (let start = 0; start < again.length; start += this.#subfoldersAtATime) {
        if (this.#options.signal.aborted) return;
        const dirKeys = again.slice(start, start + this.#subfoldersAtATime);
        await this.#publish(dirKeys);
        this.counters.subfolders += dirKeys.length;
        this.rechecked += dirKeys.length;
      }
    }
  }

  get #subfoldersAtATime(): number {
    return Math.min(MAX_CLAIM, this.#options.numSingleMessage * this.#options.maxMessagesPerBatch);
  }

  async #publish(dirKeys: readonly string[]): Promise<void> {
    const { publisher, topic, numSingleMessage, messageFormat } = this.#options;
    const isReference = messageFormat === 'reference';
    const named = isReference ? dirKeys.filter((dirKey) => dirKey !== '') : dirKeys;
    const messages = [];
    for (let start = 0; start < named.length; start += numSingleMessage) {
      messages.push({ data: encodeSubfolderMessage(named.slice(start, start + numSingleMessage), messageFormat) });
    }
    if (named.length < dirKeys.length) messages.push({ data: encodeSubfolderMessage(['']) });
    await publisher.publish(topic, messages);
    this.counters.messages += messages.length;
    this.#options.onPublished?.(dirKeys.length, messages.length);
  }

  async #confirm(leases: readonly SubfolderLease[], target: WorkTarget): Promise<void> {
    const confirmed = await Promise.allSettled(
      leases.map((lease) => this.#options.store.confirmWorkPublished(lease, target)),
    );
    for (const outcome of confirmed) {
      if (outcome.status === 'rejected') throw outcome.reason;
      if (outcome.value) this.counters.subfolders++;
      else this.counters.leasesLost++;
    }
  }
}

/** Rows that the end of a comparison finds anew are not published twice. What ended in the future did before the clock was set back. */
function wasCompared(row: Subfolder, beganAt: Date, now: Date): boolean {
  const { syncCheckLastEnd: endedAt } = row;
  if (row.syncCheckFrequency === 0 || row.syncCheckInProgress || row.rsyncInProgress) return false;
  return endedAt === undefined || endedAt < beganAt || endedAt > now;
}

async function countDue(options: PublishSubfoldersOptions): Promise<PublishedSubfolders> {
  const { target, numSingleMessage, recheck = false, deleteExtra = false, signal } = options;
  const now = await options.store.now();
  let due = 0;
  let rechecked = 0;
  for await (const rows of pagesOf(options.store)) {
    signal.throwIfAborted();
    for (const row of rows) {
      if (target === 'rsync' ? isRepairDue(row, deleteExtra) : isCheckDue(row)) due++;
      else if (recheck && wasCompared(row, now, now)) rechecked++;
    }
  }
  const messages = Math.ceil(due / numSingleMessage) + Math.ceil(rechecked / numSingleMessage);
  return { subfolders: due + rechecked, messages, rechecked, leasesLost: 0, leasedByOthers: 0 };
}

async function* pagesOf(
  store: Pick<StateStore, 'listSubfolders'>,
): AsyncGenerator<readonly Subfolder[], void, undefined> {
  let after: string | undefined;
  for (;;) {
    const rows = await store.listSubfolders(after, ROWS_PER_PAGE);
    if (rows.length === 0) return;
    yield rows;
    after = rows.at(-1)?.dirKey;
  }
}
