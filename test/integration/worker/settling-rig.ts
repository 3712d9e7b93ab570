import { pino } from 'pino';
import { encodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import type { ReceivedMessage, SubscriptionBacklog } from '@object-transfer/core/ports/message-queue';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import type { SettleSubfoldersContext } from '@object-transfer/worker/subfolders/settle-subfolders';
import { LEASE_MS } from './embedded-state.ts';
import { SubfolderRig } from './subfolder-rig.ts';

export const TOPIC = 'subfolders';
export const EMPTY_BACKLOG: SubscriptionBacklog = { waiting: 0, leased: 0, deadLettered: 0 };
export const MAX_DELIVERIES = 3;

type Work = SettleSubfoldersContext['work'];

/** What settles messages of subfolders, and the queue that they come from. */
export class SettlingRig {
  readonly rig: SubfolderRig;

  private constructor(rig: SubfolderRig) {
    this.rig = rig;
  }

  static async start(): Promise<SettlingRig> {
    return new SettlingRig(await SubfolderRig.start());
  }

  settling(
    work: Work = 'syncCheck',
    overrides: Partial<SettleSubfoldersContext> = {},
  ): SettleSubfoldersContext & { readonly counters: SubfolderCounters } {
    const { rig } = this;
    return {
      work,
      workOn: (dirKey, ...rest) =>
        work === 'syncCheck' ? rig.check(dirKey, {}, ...rest) : rig.repair(dirKey, {}, ...rest),
      stateStore: rig.state.stateStore,
      publisher: rig.state.queue,
      errorTopic: 'errors',
      counters: new SubfolderCounters(),
      logger: pino({ level: 'silent' }),
      maxDeliveries: MAX_DELIVERIES,
      ...overrides,
    };
  }

  /** Publishes and receives a message. */
  async publish(data: string, attributes: Record<string, string> = {}): Promise<ReceivedMessage> {
    await this.rig.state.queue.publish(TOPIC, [{ data, attributes }]);
    // The columns of a row have whole seconds: what is done from now on begins after the publishing.
    this.rig.state.advance(2000);
    return this.rig.state.pullOne(TOPIC);
  }

  publishDirs(...dirKeys: readonly string[]): Promise<ReceivedMessage> {
    return this.publish(encodeSubfolderMessage(dirKeys));
  }

  /** Subfolders that are equal on both sides, with their rows. */
  async fill(...dirKeys: readonly string[]): Promise<void> {
    for (const dirKey of dirKeys) await this.rig.arrive(`${dirKey}x`, dirKey);
    await this.rig.state.stateStore.addSubfolders(dirKeys);
  }

  /** Marks all that is due as published. */
  async markPublished(target: Work): Promise<void> {
    const { stateStore } = this.rig.state;
    const leases = await stateStore.claimSubfolders({ owner: 'publisher', leaseMs: LEASE_MS, limit: 10, target });
    for (const lease of leases) await stateStore.confirmWorkPublished(lease, target);
  }

  backlog(topic = TOPIC): Promise<SubscriptionBacklog> {
    return this.rig.state.queue.backlog(topic);
  }

  /** Listings of a subfolder in S3 are refused. */
  failListing(dirKey: string, status: number): void {
    this.rig.clouds.break('s3', (request, response) => {
      const url = new URL(request.url ?? '', 'http://localhost');
      if (url.searchParams.get('prefix') !== `live/${dirKey}`) return false;
      response.writeHead(status).end();
      return true;
    });
  }

  /** Holds requests to a service back until it is opened. */
  gate(service: 's3' | 'cdn' | 'gcs'): { readonly asked: Promise<void>; open(): void } {
    const asked = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    this.rig.clouds.break(service, async () => {
      asked.resolve();
      await opened.promise;
      return false;
    });
    return { asked: asked.promise, open: () => opened.resolve() };
  }
}
