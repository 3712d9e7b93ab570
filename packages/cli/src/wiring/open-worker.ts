import type { Logger } from '@object-transfer/core/runtime/logger';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { PartsSweep } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import type { Backends } from './open-backends.ts';
import type { Services } from './services.ts';

/** A worker, whatever its mode, with all that it needs. */
export interface OpenWorker {
  readonly counters: { toRecord(): Readonly<Record<string, number>> };
  /** What is in its hands: messages that are not settled, and objects whose transfer is under way. */
  readonly held: { readonly messages: number; readonly objects: number };
  /** Finds out before the first message whether it can work. @throws ConfigurationError, SourceError */
  check(signal: AbortSignal): Promise<void>;
  /** Where it leaves temporary parts, if it does. */
  readonly parts?: Pick<PartsSweep, 'destination' | 'gcsRootPrefix'> | undefined;
  /** Takes messages until `stop` aborts; resolves when nothing is in its hands. */
  run(stop: AbortSignal, reporting: WorkerReporting): Promise<void>;
  close(): Promise<void>;
}

export interface WorkerReporting {
  /** The run that it belongs to, where there is one. */
  readonly runId: string | undefined;
  /** Between its reports to the state; left out, what suits a worker of `runId`. */
  readonly heartbeatMs?: number | undefined;
}

/** What a worker of any mode is opened with. */
export interface OpenWorkerOptions<Settings> {
  readonly settings: Settings;
  readonly queues: { readonly subscription: string; readonly errorTopic: string };
  readonly services: Services;
  readonly backends: Pick<Backends, 'stateStore' | 'queue'>;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
}
