import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { PUBLISHER_OBJECTS } from '@object-transfer/core/config/modules';
import type { PackingLimits } from '@object-transfer/core/domain/message-packer';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { PublishObjectsOptions } from '@object-transfer/publisher/publish-objects';
import { filterOf } from './object-filter.ts';
import type { Backends } from './open-backends.ts';

type PublisherSettings = ModuleSettings<typeof PUBLISHER_OBJECTS>;

/** What publishing depends on, whatever the queue and the state. */
type PublishingSettings = Omit<
  PublisherSettings,
  'gcpProject' | 'mysqlTable' | 'credentialsSecretId' | 'pubsubTopicId' | 'pullQuery' | 'updateQuery' | 'messageFormat'
> &
  Partial<Pick<PublisherSettings, 'messageFormat'>>;

/** What a message may hold. */
export function packingLimits(
  settings: Pick<PublisherSettings, 'numSingleMessage' | 'numSingleMessageBytes'>,
): PackingLimits {
  return { maxObjects: settings.numSingleMessage, maxBytes: settings.numSingleMessageBytes };
}

/** A publisher of objects that ends when no subfolder waits any more. */
export function publisherOptions(
  settings: PublishingSettings,
  lister: ObjectLister,
  backends: Pick<Backends, 'stateStore' | 'queue'>,
  identity: ProcessIdentity,
  topic: string,
): Omit<PublishObjectsOptions, 'signal'> {
  return {
    store: backends.stateStore,
    selection: {
      lister,
      s3RootPrefix: settings.s3RootPrefix,
      filter: filterOf(settings),
      packing: packingLimits(settings),
    },
    publisher: backends.queue,
    topic,
    maxMessagesPerBatch: settings.maxMessagesPerBatch,
    messageFormat: settings.messageFormat,
    owner: identity.id,
    leaseMs: settings.leaseMs,
    until: 'drained',
  };
}
