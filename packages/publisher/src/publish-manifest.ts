import { encodeKeysMessage } from '@object-transfer/core/domain/message-codec';
import type { MessagePublisher, OutgoingMessage } from '@object-transfer/core/ports/message-queue';
import { checkManifest, readManifest } from '@object-transfer/core/runtime/read-manifest';

export interface PublishManifestOptions {
  readonly file: string;
  /** Below which every key must lie. */
  readonly s3RootPrefix: string;
  readonly publisher: Pick<MessagePublisher, 'publish'>;
  readonly topic: string;
  readonly maxMessagesPerBatch: number;
  /** Keys per message, at most. */
  readonly numSingleMessage: number;
  /** Counts what would be published. */
  readonly dryRun: boolean;
  /** Called when the queue has confirmed messages, with what they add. */
  readonly onPublished?: ((objects: number, messages: number) => void) | undefined;
  readonly signal: AbortSignal;
}

export interface PublishedManifest {
  readonly objects: number;
  readonly messages: number;
}

/**
 * Publishes the keys of a manifest, whatever the state says of their subfolders; workers look their sizes and ETags up. The
 * whole file is looked at before anything is published, and then read once more: memory does not depend on its size.
 * @throws ConfigurationError `CONFIG_UNREADABLE`, `CONFIG_INVALID`; what the queue throws; the reason of `signal`
 */
export async function publishManifest(options: PublishManifestOptions): Promise<PublishedManifest> {
  const { file, s3RootPrefix, numSingleMessage, maxMessagesPerBatch, signal } = options;
  const objects = await checkManifest(file, s3RootPrefix, signal);
  if (options.dryRun) return { objects, messages: Math.ceil(objects / numSingleMessage) };
  const published = { objects: 0, messages: 0 };
  let keys: string[] = [];
  let batch: OutgoingMessage[] = [];
  let batchKeys = 0;
  const publish = async (): Promise<void> => {
    if (batch.length === 0) return;
    signal.throwIfAborted();
    await options.publisher.publish(options.topic, batch);
    published.objects += batchKeys;
    published.messages += batch.length;
    options.onPublished?.(batchKeys, batch.length);
    batch = [];
    batchKeys = 0;
  };
  const pack = async (): Promise<void> => {
    if (keys.length === 0) return;
    batch.push({ data: encodeKeysMessage(keys) });
    batchKeys += keys.length;
    keys = [];
    if (batch.length >= maxMessagesPerBatch) await publish();
  };
  for await (const { key } of readManifest(file, signal)) {
    keys.push(key);
    if (keys.length >= numSingleMessage) await pack();
  }
  await pack();
  await publish();
  return published;
}
