import { status } from '@grpc/grpc-js';
import { GrpcError, type GrpcStatus } from '../grpc/grpc-error.ts';
import { loadServices } from '../grpc/load-service.ts';
import { startGrpcServer, type GrpcListenOptions, type RunningGrpcServer } from '../grpc/start-grpc-server.ts';
import { unaryMethods } from '../grpc/unary-methods.ts';
import { publisherMethods } from './publisher-methods.ts';
import { PubsubFaults } from './pubsub-faults.ts';
import { readStats, type PubsubStats } from './pubsub-stats.ts';
import { PubsubStore } from './pubsub-store.ts';
import { StreamingPulls } from './streaming-pull.ts';
import { subscriberMethods } from './subscriber-methods.ts';

export interface PubsubServerOptions extends Pick<GrpcListenOptions, 'port'> {
  /** Milliseconds since the epoch; default the system's clock. A clock that is moved by hand needs `settleDue`. */
  readonly now?: (() => number) | undefined;
  /** What the random faults depend on. Default 1. */
  readonly seed?: number | undefined;
}

export interface PubsubServer extends RunningGrpcServer {
  /** `host` is what `PUBSUB_EMULATOR_HOST` wants. */
  readonly host: string;
  readonly faults: PubsubFaults;
  stats(): PubsubStats;
  /** Ends every open stream with this status; default UNAVAILABLE, after which clients open new ones. */
  dropStreams(code?: GrpcStatus): void;
  /** Ends the leases, delays and retentions that are over by `now`; timers do so too, after as long in real time. */
  settleDue(): void;
}

/** Pub/Sub itself refuses what is over 10 MB, in words; what is far beyond is not read. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;

/**
 * Serves Google Pub/Sub on loopback, for rehearsals and tests: topics, pull subscriptions with leases, retry and
 * dead-letter policies, and misbehaviour on request.
 * @throws the listen error as Node reports it
 * @see https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1
 */
export async function startPubsubServer(options: PubsubServerOptions = {}): Promise<PubsubServer> {
  const faults = new PubsubFaults(options.seed ?? 1);
  const store = new PubsubStore(options.now ?? Date.now, faults);
  const calls = new Map<string, number>();
  const before = (method: string): void => {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    faults.calls.check(method);
  };
  const streams = new StreamingPulls(store, () => before('StreamingPull'));
  const [publisher = {}, subscriber = {}] = loadServices({ name: '@google-cloud/pubsub' }, [
    'google.pubsub.v1.Publisher',
    'google.pubsub.v1.Subscriber',
  ]);
  const running = await startGrpcServer(
    [
      { definition: publisher, implementation: unaryMethods(publisherMethods(store), before) },
      {
        definition: subscriber,
        implementation: { ...unaryMethods(subscriberMethods(store), before), StreamingPull: streams.handle },
      },
    ],
    { port: options.port, maxRequestBytes: MAX_REQUEST_BYTES },
  );
  return {
    ...running,
    faults,
    stats: () => readStats(store, streams.open, calls),
    dropStreams: (code = status.UNAVAILABLE) => streams.drop(new GrpcError(code, 'The stream was dropped on request.')),
    settleDue: () => store.settleDue(),
    close: async () => {
      await running.close();
      store.close();
    },
  };
}
