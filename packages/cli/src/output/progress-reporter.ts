import type { Logger } from '@object-transfer/core/runtime/logger';
import type { MigrationProgress } from '@object-transfer/run/migration-progress';
import { formatBytes, formatCount, formatCountOf, formatDuration } from './format-quantity.ts';

export interface ProgressReporter {
  show(progress: MigrationProgress): void;
  /** Leaves the terminal clean for what follows. */
  end(): void;
}

/** Between two progress lines in a log. */
const LOG_EVERY_MS = 5_000;

/** One line that is written over and over on a terminal; JSON lines otherwise. */
export function createProgressReporter(stream: NodeJS.WriteStream, logger: Logger): ProgressReporter {
  return stream.isTTY ? terminalReporter(stream) : logReporter(logger);
}

function terminalReporter(stream: NodeJS.WriteStream): ProgressReporter {
  return {
    show: (progress) => {
      // A terminal that does not tell its width says 0. A line that wrapped could not be written over.
      const columns = stream.columns > 0 ? stream.columns : 80;
      stream.write(`\r\x1b[2K${progressLine(progress).slice(0, columns - 1)}`);
    },
    end: () => {
      stream.write('\r\x1b[2K');
    },
  };
}

function logReporter(logger: Logger): ProgressReporter {
  let last = { phase: '', atMs: 0 };
  return {
    show: (progress) => {
      const atMs = progress.elapsedMs;
      if (progress.phase === last.phase && atMs - last.atMs < LOG_EVERY_MS) return;
      last = { phase: progress.phase, atMs };
      logger.info(
        { progress: { ...progress, bytesPerSecond: Math.round(bytesPerSecond(progress)) } },
        progressLine(progress),
      );
    },
    end: () => undefined,
  };
}

/** What a person wants to see of it. The time left is known once everything is on the queue. */
function progressLine(progress: MigrationProgress): string {
  const { objectsTransferred, objectsSkipped, objectsFailed } = progress;
  const arrived = objectsTransferred + objectsSkipped;
  const objects = isTotalKnown(progress)
    ? `${formatCount(arrived)} of ${formatCount(progress.objectsPublished)}${progress.publishingDone ? '' : '+'} objects`
    : formatCountOf(arrived, 'object');
  const failed = objectsFailed === 0 ? '' : `, ${formatCount(objectsFailed)} failed`;
  switch (progress.phase) {
    case 'listing':
      return `listing subfolders  ${formatDuration(progress.elapsedMs)}`;
    case 'transferring': {
      const rate = bytesPerSecond(progress);
      const left = remainingMs(progress);
      const eta = left === undefined ? '' : `, ${formatDuration(left)} left`;
      return `transferring  ${objects}, ${formatBytes(progress.bytesTransferred)}${failed}, ${formatBytes(rate)}/s${eta}`;
    }
    case 'checking':
      return `checking  ${formatCount(progress.subfoldersChecked)} of ${formatCount(progress.subfolders)} subfolders${failed}`;
  }
}

/** Publishers of a fleet tell how many there are when they end. */
function isTotalKnown({ publishingDone, objectsPublished, objectsTransferred, objectsSkipped }: MigrationProgress) {
  return publishingDone || (objectsPublished > 0 && objectsPublished >= objectsTransferred + objectsSkipped);
}

function bytesPerSecond(progress: MigrationProgress): number {
  return progress.elapsedMs === 0 ? 0 : progress.bytesTransferred / (progress.elapsedMs / 1000);
}

function remainingMs(progress: MigrationProgress): number | undefined {
  const done = progress.objectsTransferred + progress.objectsSkipped + progress.objectsFailed;
  if (!progress.publishingDone || done === 0) return undefined;
  return (progress.elapsedMs / done) * Math.max(0, progress.objectsPublished - done);
}
