import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { PUBLISHER_OBJECTS } from '@object-transfer/core/config/modules';
import type { PackingLimits } from '@object-transfer/core/domain/message-packer';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import type { PublishObjectsOptions } from '@object-transfer/publisher/publish-objects';
import { OBJECT_TOPIC } from './embedded-topics.ts';
import { filterOf } from './object-filter.ts';

export type PublisherSettings = ModuleSettings<typeof PUBLISHER_OBJECTS>;

/** What a message may hold. */
export function packingLimits(
  settings: Pick<PublisherSettings, 'numSingleMessage' | 'numSingleMessageBytes'>,
): PackingLimits {
  return { maxObjects: settings.numSingleMessage, maxBytes: settings.numSingleMessageBytes };
}

/** A publisher of objects over the embedded queue that ends when no subfolder waits any more. */
export function publisherOptions(
  settings: PublisherSettings,
  lister: ObjectLister,
  state: EmbeddedState,
  identity: ProcessIdentity,
): Omit<PublishObjectsOptions, 'signal'> {
  return {
    store: state.stateStore,
    selection: {
      lister,
      s3RootPrefix: settings.s3RootPrefix,
      filter: filterOf(settings),
      packing: packingLimits(settings),
    },
    publisher: state.queue,
    topic: OBJECT_TOPIC,
    maxMessagesPerBatch: settings.maxMessagesPerBatch,
    owner: identity.id,
    leaseMs: settings.leaseMs,
    until: 'drained',
  };
}
