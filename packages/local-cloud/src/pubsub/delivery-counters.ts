/** What happened to the messages of one subscription since it was made. */
export interface DeliveryCounters {
  /** Deliveries, not messages: each redelivery counts. */
  delivered: number;
  acked: number;
  nacked: number;
  /** Leases that ran out. */
  expired: number;
  deadLettered: number;
}

export function startCounting(): DeliveryCounters {
  return { delivered: 0, acked: 0, nacked: 0, expired: 0, deadLettered: 0 };
}

export function addCounters(sum: DeliveryCounters, other: Readonly<DeliveryCounters>): void {
  sum.delivered += other.delivered;
  sum.acked += other.acked;
  sum.nacked += other.nacked;
  sum.expired += other.expired;
  sum.deadLettered += other.deadLettered;
}
