import { startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { describePubsub } from './pubsub-suite.ts';

describePubsub('local-cloud', startPubsubServer);
