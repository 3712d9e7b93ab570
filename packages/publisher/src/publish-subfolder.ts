import { encodeObjectMessage, type MessageFormat } from '@object-transfer/core/domain/message-codec';
import type { SourceObject } from '@object-transfer/core/domain/source-object';
import type { MessagePublisher } from '@object-transfer/core/ports/message-queue';
import type {
  ObjectErrorRecord,
  PublishedCounts,
  StateStore,
  SubfolderLease,
} from '@object-transfer/core/ports/state-store';
import { listMessages, type ObjectSelection } from './list-messages.ts';
import type { PackedMessage } from '@object-transfer/core/domain/message-packer';
import type { RunningCounters } from './publish-counters.ts';

export interface SubfolderPublishing {
  readonly selection: ObjectSelection;
  readonly store: Pick<StateStore, 'recordObjectErrors'>;
  readonly publisher: Pick<MessagePublisher, 'publish'>;
  readonly topic: string;
  readonly maxMessagesPerBatch: number;
  /** Default `v2`. */
  readonly messageFormat?: MessageFormat | undefined;
  /** Called before each batch; resolves when the queue has room for it. */
  readonly waitForRoom?: (() => Promise<void>) | undefined;
  /** Called when the queue has confirmed a batch, with what the batch adds. */
  readonly onPublished?: ((objects: number, bytes: number) => void) | undefined;
  readonly counters: RunningCounters;
}

/**
 * Publishes the objects of one subfolder. Resolves when the queue has confirmed every message.
 * @returns what the subfolder holds, for its row
 * @param lease of the subfolder
 * @throws what the lister, the queue and the store throw, or the reason of `signal`
 */
export async function publishSubfolder(
  publishing: SubfolderPublishing,
  lease: SubfolderLease,
  signal: AbortSignal,
): Promise<PublishedCounts> {
  const { dirKey } = lease;
  const { counters, maxMessagesPerBatch, messageFormat } = publishing;
  const total = { objects: 0, bytes: 0 };
  const batch: PackedMessage[] = [];

  const publishBatch = async () => {
    await publishing.waitForRoom?.();
    signal.throwIfAborted();
    const messages = batch.splice(0);
    const data = messages.map(({ objects }) => ({ data: encodeObjectMessage(dirKey, objects, messageFormat) }));
    await publishing.publisher.publish(publishing.topic, data);
    const objects = messages.reduce((sum, message) => sum + message.objects.length, 0);
    const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
    total.objects += objects;
    total.bytes += bytes;
    counters.objects += objects;
    counters.bytes += bytes;
    counters.messages += messages.length;
    publishing.onPublished?.(objects, bytes);
  };

  for await (const page of listMessages(publishing.selection, dirKey, signal)) {
    signal.throwIfAborted();
    counters.filtered += page.filtered;
    counters.archived += page.archived.length;
    if (page.archived.length > 0) {
      const errors = page.archived.map((object) => archivedError(dirKey, object));
      await publishing.store.recordObjectErrors(errors, lease);
    }
    for (const message of page.messages) {
      if (batch.push(message) === maxMessagesPerBatch) await publishBatch();
    }
  }
  if (batch.length > 0) await publishBatch();
  return total;
}

function archivedError(dirKey: string, object: SourceObject): ObjectErrorRecord {
  return {
    dirKey,
    key: object.key,
    code: 'SOURCE_ARCHIVED',
    message: `the object is in storage class ${object.storageClass}: restore it to another class, or leave the class out by storage_class`,
    attempts: 0,
  };
}
