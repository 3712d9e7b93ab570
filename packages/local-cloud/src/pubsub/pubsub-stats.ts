import { addCounters, startCounting, type DeliveryCounters } from './delivery-counters.ts';
import type { PubsubStore } from './pubsub-store.ts';

interface SubscriptionStats extends Readonly<DeliveryCounters> {
  /** Deliverable now or after a delay. */
  readonly waiting: number;
  /** Delivered and not settled, under a lease. */
  readonly outstanding: number;
  /** Of clients that pull by a stream. */
  readonly openStreams: number;
  /** Those that have ended included. */
  readonly streamsOpened: number;
}

export interface PubsubStats extends Readonly<DeliveryCounters> {
  /** Messages that clients published. */
  readonly published: number;
  readonly openStreams: number;
  /** Calls by method, the refused ones included. */
  readonly calls: Readonly<Record<string, number>>;
  /** Messages that came to each topic, by clients or by dead-lettering. */
  readonly topics: Readonly<Record<string, { readonly published: number }>>;
  /** By `projects/PROJECT/subscriptions/ID`. */
  readonly subscriptions: Readonly<Record<string, SubscriptionStats>>;
}

/** What happened until now; deleted subscriptions are in the sums. */
export function readStats(store: PubsubStore, openStreams: number, calls: ReadonlyMap<string, number>): PubsubStats {
  const total = startCounting();
  addCounters(total, store.deletedCounters);
  const subscriptions: Record<string, SubscriptionStats> = {};
  for (const [name, { counters, waiting, outstanding, openStreams: open, streamsOpened }] of store.subscriptions) {
    addCounters(total, counters);
    subscriptions[name] = { ...counters, waiting, outstanding, openStreams: open, streamsOpened };
  }
  return {
    ...total,
    published: store.published,
    openStreams,
    calls: Object.fromEntries(calls),
    topics: Object.fromEntries(store.topics.entries().map(([name, { published }]) => [name, { published }])),
    subscriptions,
  };
}
