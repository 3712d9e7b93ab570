import { randomUUID } from 'node:crypto';
import { retry } from '@object-transfer/core/runtime/retry';
import type { TransferContext } from './transfer-context.ts';
import { underWriteLimit } from './under-limit.ts';

/**
 * Storage class of everything temporary. GCS composes within one class only, and deleting an object of a colder class
 * before its time costs as if it had stayed.
 */
export const TEMPORARY_STORAGE_CLASS = 'STANDARD';

const PARALLEL_DELETES = 8;
/** For the deletes of a transfer that was told to stop: what is left then is swept by its name. */
const CLEAN_UP_MS = 5_000;

/** Names, remembers and deletes the temporary objects of one attempt. */
export class TemporaryObjects {
  readonly #context: TransferContext;
  readonly #prefix: string;
  readonly #signal: AbortSignal;
  /** Generation by name; `undefined` where no answer told it. */
  readonly #generations = new Map<string, string | undefined>();

  constructor(context: TransferContext, signal: AbortSignal) {
    this.#context = context;
    this.#prefix = `${context.partsPrefix}${randomUUID()}/`;
    this.#signal = signal;
  }

  /** A name that nobody else uses. */
  name(): string {
    const name = `${this.#prefix}${this.#generations.size}`;
    this.#generations.set(name, undefined);
    return name;
  }

  written(name: string, generation: string): void {
    this.#generations.set(name, generation);
  }

  /** Failing to delete does not undo a transfer. */
  async deleteAll(): Promise<void> {
    // An aborted signal would refuse every request: on the way out the deletes still get their chance.
    const isLast = this.#signal.aborted;
    const signal = isLast ? AbortSignal.timeout(CLEAN_UP_MS) : this.#signal;
    const { parts, retryPolicy, rates } = this.#context;
    const remaining = this.#generations.entries();
    const deleteRemaining = async () => {
      for (const [name, generation] of remaining) {
        await retry(retryPolicy, { signal }, async () => {
          // On the way out nothing waits for its turn.
          if (!isLast) await rates.writes.take(1, signal);
          await underWriteLimit(this.#context, 0, signal, () => parts.delete(name, generation, signal));
        });
      }
    };
    await Promise.allSettled(Array.from({ length: PARALLEL_DELETES }, deleteRemaining));
  }
}
