import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeObjectMessage, type ObjectMessage } from '@object-transfer/core/domain/message-codec';
import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { startS3Server, type S3Server } from '@object-transfer/local-cloud/s3/s3-server';
import type { PublishObjectsOptions } from '@object-transfer/publisher/publish-objects';

export const TOPIC = 'objects';
const BUCKET = 'photos-live';
const ROOT = 'photos/';

export interface PublisherFixture {
  readonly state: EmbeddedState;
  readonly s3: S3Server;
  readonly bucket: Bucket;
  /** Answers requests in the place of S3, where a test sets it. */
  intercept: RequestInterceptor | undefined;
  /** The clock of the state, milliseconds since 1970. */
  nowMs: number;
  readonly options: PublishObjectsOptions;
  /** Takes everything off the queue. */
  takeMessages(): Promise<readonly ObjectMessage[]>;
  close(): Promise<void>;
}

/** A bucket, a state file and what a publisher needs of them. */
export async function startPublisherFixture(): Promise<PublisherFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'publisher-'));
  const state = await openEmbeddedState(join(directory, 'state.sqlite'), {
    owner: 'host:1:00000000',
    now: () => fixture.nowMs,
  });
  const s3 = await startS3Server({
    buckets: { [BUCKET]: {} },
    intercept: async (request, response) => (await fixture.intercept?.(request, response)) ?? false,
  });
  const connection = createS3Connection({
    bucket: BUCKET,
    region: 'us-east-1',
    endpointUrl: s3.url,
    credentials: 'anonymous',
  });
  const fixture: PublisherFixture = {
    state,
    s3,
    bucket: s3.bucket(BUCKET),
    intercept: undefined,
    nowMs: Date.now(),
    options: {
      store: state.stateStore,
      selection: {
        lister: createS3ObjectLister(connection, {
          retryPolicy: { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1 },
        }),
        s3RootPrefix: ROOT,
        filter: createObjectFilter({ storageClasses: [], include: [], exclude: [] }, ROOT),
        packing: { maxObjects: 50, maxBytes: 1024 ** 3 },
      },
      publisher: state.queue,
      topic: TOPIC,
      maxMessagesPerBatch: 10,
      owner: 'host:1:00000000',
      leaseMs: 60_000,
      until: 'drained',
      signal: new AbortController().signal,
    },
    takeMessages: () => takeMessages(state),
    close: async () => {
      await connection.close();
      await s3.close();
      await state.close();
      await rm(directory, { recursive: true });
    },
  };
  return fixture;
}

async function takeMessages(state: EmbeddedState): Promise<readonly ObjectMessage[]> {
  const subscription = state.queue.subscribe(TOPIC);
  const taken: ObjectMessage[] = [];
  const request = { maxMessages: 100, leaseMs: 60_000, waitMs: 0, signal: new AbortController().signal };
  for (;;) {
    const messages = await subscription.pull(request);
    if (messages.length === 0) return taken;
    for (const message of messages) {
      taken.push(decodeObjectMessage(message.data));
      await message.ack();
    }
  }
}
