import { CallFaults } from '../grpc/call-faults.ts';
import type { Refusal } from '../grpc/call-faults.ts';
import { GrpcError } from '../grpc/grpc-error.ts';
import { createRandom } from './random.ts';

/** How this Pub/Sub misbehaves, all of it within what Pub/Sub promises. Set at run time; everything is off at first. */
export class PubsubFaults {
  /** Methods that fail: `calls.refuse('Pull', { code: status.UNAVAILABLE, times: 3 })`. */
  readonly calls = new CallFaults();
  /** The n-th, 2n-th... delivery is followed by another of the same message at once, under another ack id. 0 is off. */
  duplicateEvery = 0;
  /** So likely (0 to 1) is a message delivered twice, by the seed. */
  duplicateShare = 0;
  /** So many ack ids are answered OK and forgotten: their messages are delivered again when the lease ends. */
  acksToLose = 0;
  /** So many messages are delivered once more although they are acked, `lateDuplicateDelayMs` after that. */
  lateDuplicates = 0;
  lateDuplicateDelayMs = 0;
  /** Messages rest so long between publishing and the first delivery. */
  deliveryDelayMs = 0;
  /** Deliver in any order, by the seed, rather than as published. */
  outOfOrder = false;
  /** Publish answers so much later; the messages are stored and delivered at once. */
  publishConfirmDelayMs = 0;
  /** Calls so far that `storeButRefuse` was about. */
  refusedAfterStoring = 0;
  #unconfirmed: { readonly refusal: Refusal; left: number } | undefined;
  #deliveries = 0;
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  /** The next calls of Publish (`times`, default all) store their messages and are answered this refusal all the same. */
  storeButRefuse(refusal: Refusal): void {
    this.#unconfirmed = { refusal, left: refusal.times ?? Number.POSITIVE_INFINITY };
  }

  /** Ends all misbehaviour. */
  clear(): void {
    this.calls.allow();
    this.duplicateEvery = 0;
    this.duplicateShare = 0;
    this.acksToLose = 0;
    this.lateDuplicates = 0;
    this.lateDuplicateDelayMs = 0;
    this.deliveryDelayMs = 0;
    this.outOfOrder = false;
    this.publishConfirmDelayMs = 0;
    this.#unconfirmed = undefined;
  }

  /** @throws {GrpcError} what `storeButRefuse` asked for, once the messages are stored */
  checkConfirmation(): void {
    const fault = this.#unconfirmed;
    if (fault === undefined) return;
    fault.left -= 1;
    if (fault.left <= 0) this.#unconfirmed = undefined;
    this.refusedAfterStoring += 1;
    throw new GrpcError(fault.refusal.code, fault.refusal.details ?? 'Stored, and refused on request.');
  }

  /** Whether the delivery that happens now is to be followed by another. */
  takeDuplicate(): boolean {
    this.#deliveries += 1;
    if (this.duplicateEvery > 0 && this.#deliveries % this.duplicateEvery === 0) return true;
    return this.duplicateShare > 0 && this.#random() < this.duplicateShare;
  }

  /** Whether the ack that comes now is to be forgotten. */
  takeLostAck(): boolean {
    if (this.acksToLose <= 0) return false;
    this.acksToLose -= 1;
    return true;
  }

  /** Whether the message that is acked now is to come once more. */
  takeLateDuplicate(): boolean {
    if (this.lateDuplicates <= 0) return false;
    this.lateDuplicates -= 1;
    return true;
  }

  /** Which of `count` waiting messages is next: 0 is the front. */
  pickNext(count: number): number {
    return this.outOfOrder ? Math.floor(this.#random() * count) : 0;
  }
}
