import type { Logger } from '@object-transfer/core/runtime/logger';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { DumpResult } from '@object-transfer/dump/run-dump';
import type { PublishResult } from '@object-transfer/publisher/publish-counters';
import type { MigrationProgress } from '@object-transfer/run/migration-progress';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { runMigration, type MigrationOptions, type WorkerGroup } from '@object-transfer/run/run-migration';
import { ModuleProcess } from './module-process.ts';
import { SettledBacklog } from './settled-backlog.ts';

/** Command lines of this program, without the program. */
interface FleetCommands {
  readonly dump: readonly string[];
  readonly publisher: readonly string[];
  readonly worker: readonly string[];
}

/**
 * A whole migration by processes of a fleet, all on one machine: `dump`, several publishers at once, workers, each of them
 * told nothing but the key of its entity. This process only compares the two sides in the end, as `run` does.
 */
export interface FleetMigrationOptions {
  readonly verification: MigrationOptions['verification'];
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  readonly onProgress: (progress: MigrationProgress) => void;
  readonly commands: FleetCommands;
  readonly publishers: number;
  readonly workers: number;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** @throws as `runMigration`; StateError where a process ends otherwise than it should */
export async function migrateByFleet(options: FleetMigrationOptions, signal: AbortSignal): Promise<MigrationReport> {
  const { verification, commands, variables, identity, logger, onProgress } = options;
  const backlog = new SettledBacklog(verification.stateStore);
  const run = async <Result>(args: readonly string[], stop: AbortSignal): Promise<Result> =>
    JSON.parse(await toItsEnd(new ModuleProcess({ args: [...args, '--json'], variables }), stop)) as Result;
  return runMigration(
    {
      verification: { ...verification, publisher: backlog.counting(verification.publisher) },
      parts: verification.destination,
      queue: backlog,
      identity,
      logger,
      onProgress,
      steps: {
        dump: async (stop) => (await run<DumpResult>(commands.dump, stop)).new,
        publish: async ({ onPublished, signal: stop }) => {
          const results = await allOrNone(options.publishers, stop, (signalOfAll) =>
            run<PublishResult>(commands.publisher, signalOfAll),
          );
          for (const { objects, bytes, messages } of results) {
            backlog.addPublished(messages);
            onPublished(objects, bytes);
          }
          return {
            failures: results.flatMap(({ failures }) => failures),
            // The last one to end has seen what the others left.
            leasedByOthers: Math.min(...results.map(({ leasedByOthers }) => leasedByOthers)),
          };
        },
        startWorkers: async (runId) => {
          backlog.runId = runId;
          return startWorkers(options, runId);
        },
      },
    },
    signal,
  );
}

function startWorkers({ commands, workers, variables }: FleetMigrationOptions, runId: string): WorkerGroup {
  const processes = Array.from(
    { length: workers },
    () => new ModuleProcess({ args: [...commands.worker, '--run-id', runId, '--json'], variables }),
  );
  const ended = Promise.all(processes.map((process) => process.ended)).then(() => undefined);
  const stopAll = () => {
    for (const process of processes) process.stop();
  };
  // One that could not run ends them all.
  ended.catch(stopAll);
  return {
    ended,
    stop: async () => {
      stopAll();
      await Promise.allSettled(processes.map((process) => process.ended));
    },
  };
}

/**
 * Runs the same so many times at once. Where one fails, the others are told to stop.
 * @throws what the first one to fail threw, when all have ended
 */
async function allOrNone<T>(
  count: number,
  stop: AbortSignal,
  run: (stop: AbortSignal) => Promise<T>,
): Promise<readonly T[]> {
  const failure = new AbortController();
  const signal = AbortSignal.any([stop, failure.signal]);
  const runs = Array.from({ length: count }, () => run(signal));
  for (const each of runs) each.catch((error: unknown) => failure.abort(error));
  await Promise.allSettled(runs);
  failure.signal.throwIfAborted();
  return Promise.all(runs);
}

/** @throws the reason of `stop`, once the process that was asked to end has ended */
async function toItsEnd(process: ModuleProcess, stop: AbortSignal): Promise<string> {
  const onStop = () => process.stop();
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  try {
    const stdout = await process.ended;
    stop.throwIfAborted();
    return stdout;
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
