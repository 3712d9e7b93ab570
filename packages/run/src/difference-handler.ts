import { encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import { MessagePacker, type PackedMessage, type PackingLimits } from '@object-transfer/core/domain/message-packer';
import type { MessagePublisher } from '@object-transfer/core/ports/message-queue';
import type { ObjectErrorRecord, StateStore } from '@object-transfer/core/ports/state-store';
import type { OverwritePolicy } from '@object-transfer/core/config/destination-fields';
import type { KeyMappingSettings } from '@object-transfer/core/domain/key-mapping';
import type { Difference } from '@object-transfer/worker/sync-check/compare-subfolder';
import { recordOf } from '@object-transfer/worker/sync-check/difference-recorder';

export interface DifferenceContext {
  readonly stateStore: Pick<StateStore, 'listOpenObjectErrors' | 'recordObjectErrors' | 'resolveObjectErrors'>;
  readonly publisher: Pick<MessagePublisher, 'publish'>;
  readonly objectTopic: string;
  readonly packing: PackingLimits;
  readonly mapping: KeyMappingSettings;
  readonly overwrite: OverwritePolicy;
  /** Errors last seen before belong to an earlier run: those objects are tried again. */
  readonly runStartedAt: Date;
  /** False in the last round: nothing is published any more. */
  readonly republish: boolean;
  /** Resolves when the queue has room. */
  readonly waitForRoom: () => Promise<void>;
  readonly onPublished: (objects: number, bytes: number) => void;
}

/** Errors recorded at a time. */
const RECORD_BATCH = 500;

/**
 * Decides about the differences of one subfolder. An object that was not tried to its end in this run is published once
 * more, others are recorded as open errors, where they are not already. Open errors of objects that are equal by now, or
 * gone from the source, are closed at the end.
 */
export class DifferenceHandler {
  republished = 0;
  readonly #context: DifferenceContext;
  readonly #dirKey: string;
  readonly #packer: MessagePacker;
  /** When each open error was last seen; those that no difference has met by the end are over. */
  readonly #openErrors: Map<string, Date>;
  #toRecord: ObjectErrorRecord[] = [];

  private constructor(context: DifferenceContext, dirKey: string, openErrors: Map<string, Date>) {
    this.#context = context;
    this.#dirKey = dirKey;
    this.#packer = new MessagePacker(dirKey, context.packing);
    this.#openErrors = openErrors;
  }

  static async open(context: DifferenceContext, dirKey: string): Promise<DifferenceHandler> {
    const errors = await context.stateStore.listOpenObjectErrors({ dirKey, limit: Number.MAX_SAFE_INTEGER });
    return new DifferenceHandler(context, dirKey, new Map(errors.map(({ key, lastSeen }) => [key, lastSeen])));
  }

  async handle(difference: Difference): Promise<void> {
    if (difference.kind === 'extra') return;
    const { source } = difference;
    const lastSeen = this.#openErrors.get(source.key);
    this.#openErrors.delete(source.key);
    const triedToItsEnd = lastSeen !== undefined && lastSeen >= this.#context.runStartedAt;
    if (triedToItsEnd) return;
    // What the policy leaves alone would be left alone again.
    const mayHelp = difference.kind === 'missing' || this.#context.overwrite !== 'never';
    if (this.#context.republish && mayHelp) {
      await this.#publish(this.#packer.add(source));
      return;
    }
    this.#toRecord.push(recordOf(this.#context.mapping, this.#dirKey, difference));
    if (this.#toRecord.length >= RECORD_BATCH) await this.#record();
  }

  /** Publishes and records what is left. Only a complete comparison says which errors are over. */
  async finish(isComplete: boolean): Promise<void> {
    await this.#publish(this.#packer.flush());
    await this.#record();
    if (!isComplete || this.#openErrors.size === 0) return;
    await this.#context.stateStore.resolveObjectErrors(this.#dirKey, [...this.#openErrors.keys()]);
  }

  async #publish(message: PackedMessage | undefined): Promise<void> {
    if (message === undefined) return;
    const { publisher, objectTopic, waitForRoom, onPublished } = this.#context;
    await waitForRoom();
    await publisher.publish(objectTopic, [{ data: encodeObjectMessage(this.#dirKey, message.objects) }]);
    this.republished += message.objects.length;
    onPublished(message.objects.length, message.bytes);
  }

  async #record(): Promise<void> {
    if (this.#toRecord.length === 0) return;
    await this.#context.stateStore.recordObjectErrors(this.#toRecord);
    this.#toRecord = [];
  }
}
