import type { ReceivedMessage } from '../ports/message-queue.ts';
import { secondsOf } from './pubsub-lease.ts';
import type { WireReceivedMessage } from './pubsub-stream.ts';

/** What a message settles with: the subscription that it came from. */
export interface PubsubSettling {
  now(): number;
  settle(ackId: string, settlement: 'ack' | number): Promise<boolean>;
  /** What is to be done to a lease so that the message stays away for `delayMs`, in seconds. */
  delaySeconds(delayMs: number): Promise<number>;
  publishDeadLetter(message: PubsubReceivedMessage, reason: string): Promise<void>;
  /** The message is in nobody's hands here any more; `forGood` where it will not come again. */
  released(message: PubsubReceivedMessage, forGood: boolean): void;
}

/**
 * A message under a lease of this process. Pub/Sub does not say whether a lease still held when it was settled (only
 * exactly-once delivery does): where it has run out by the clock of this process, the answer is false.
 */
export class PubsubReceivedMessage implements ReceivedMessage {
  readonly id: string;
  readonly data: string;
  /** Of the data, encoded. */
  readonly sizeBytes: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly publishedAt: Date;
  readonly ackId: string;
  /** When it is handed out, this is set to the delivery that it is. */
  deliveryAttempt: number;
  /** On the clock of `settling`. */
  leasedUntil: number;
  readonly #settling: PubsubSettling;
  /** The data, where it is not text. */
  readonly #binary: Uint8Array | undefined;
  #settled = false;

  constructor(settling: PubsubSettling, wire: WireReceivedMessage, leasedUntil: number) {
    this.#settling = settling;
    this.leasedUntil = leasedUntil;
    const { message } = wire;
    this.ackId = wire.ackId ?? '';
    this.id = message?.messageId ?? '';
    const bytes = Buffer.from(message?.data ?? '');
    const text = decode(bytes);
    this.sizeBytes = bytes.length;
    // Text that no reader takes for a message: replaced bytes inside JSON might still be JSON.
    this.data = text ?? `not UTF-8, as base64: ${bytes.toString('base64')}`;
    this.#binary = text === undefined ? bytes : undefined;
    this.attributes = message?.attributes ?? {};
    this.deliveryAttempt = wire.deliveryAttempt ?? 0;
    const { seconds, nanos } = message?.publishTime ?? {};
    this.publishedAt = new Date(Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6);
  }

  /** The data as it came. */
  encodeData(): Uint8Array {
    return this.#binary ?? Buffer.from(this.data);
  }

  ack(): Promise<boolean> {
    return this.#settle(true, async () => 'ack');
  }

  nack(delayMs = 0): Promise<boolean> {
    return this.#settle(false, () => this.#settling.delaySeconds(delayMs));
  }

  async extendLease(leaseMs: number): Promise<boolean> {
    if (this.#settled) return false;
    const held = this.#isHeld();
    const seconds = secondsOf(leaseMs);
    const leasedUntil = this.#settling.now() + seconds * 1000;
    const answer = await this.#settling.settle(this.ackId, seconds);
    // Whose lease has run out stays without one: Pub/Sub answers as if it had been prolonged.
    if (!answer || !held) return false;
    this.leasedUntil = leasedUntil;
    return true;
  }

  async deadLetter(reason: string): Promise<boolean> {
    if (this.#settled) return false;
    await this.#settling.publishDeadLetter(this, reason);
    return this.ack();
  }

  async #settle(forGood: boolean, settlement: () => Promise<'ack' | number>): Promise<boolean> {
    if (this.#settled) return false;
    this.#settled = true;
    const held = this.#isHeld();
    try {
      const answer = await this.#settling.settle(this.ackId, await settlement());
      this.#settling.released(this, forGood);
      return answer && held;
    } catch (error) {
      // It may be tried again as long as the lease lasts.
      this.#settled = false;
      throw error;
    }
  }

  #isHeld(): boolean {
    return this.#settling.now() < this.leasedUntil;
  }
}

/** @returns `undefined` for what is not UTF-8 */
function decode(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return undefined;
  }
}
