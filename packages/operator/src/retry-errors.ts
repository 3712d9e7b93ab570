import { DIFFERENCE_CODES } from '@object-transfer/core/domain/difference-codes';
import { encodeKeyMessage } from '@object-transfer/core/domain/message-codec';
import type { MessagePublisher } from '@object-transfer/core/ports/message-queue';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { type ErrorSelection, openErrorPages } from './open-error-pages.ts';

export interface RetryErrorsOptions {
  readonly store: Pick<StateStore, 'listOpenObjectErrors'>;
  /** Publishes a page of messages and resolves when the queue has them; `undefined` only counts. */
  readonly publish: ((messages: Parameters<MessagePublisher['publish']>[1]) => Promise<void>) | undefined;
  readonly selection: ErrorSelection;
  readonly signal: AbortSignal;
}

export interface RetriedErrors {
  /** Keys that went to the topic of the objects, or would have. */
  readonly published: number;
  /** Objects that only the destination has: there is nothing to transfer. */
  readonly extra: number;
}

/**
 * Publishes the keys of open errors once more, one a message; the worker looks up size and ETag. The errors stay open until
 * the transfer or a comparison resolves them, so that running it twice publishes twice, and a worker skips what is there.
 * @throws what the queue throws; the reason of the signal
 */
export async function retryErrors({ store, publish, selection, signal }: RetryErrorsOptions): Promise<RetriedErrors> {
  let published = 0;
  let extra = 0;
  for await (const page of openErrorPages(store, selection)) {
    signal.throwIfAborted();
    const keys = new Set(page.filter(({ code }) => code !== DIFFERENCE_CODES.extra).map(({ key }) => key));
    extra += page.filter(({ code }) => code === DIFFERENCE_CODES.extra).length;
    if (keys.size === 0) continue;
    await publish?.([...keys].map((key) => ({ data: encodeKeyMessage(key) })));
    published += keys.size;
  }
  return { published, extra };
}
