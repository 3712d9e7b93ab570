import { field } from './field.ts';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { choice, integer, mebibytes, text } from './value-schemas.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const MAX_PROCESSES = 256;

/** With 100 ms for a page of 1,000 keys, some 36,000 keys/s in place of 10,000. Each stream holds up to 4 pages, about 2 MiB. */
const DEFAULT_LIST_STREAMS = 4;

/** A number of processes; `auto` is one for each core that this process may use. */
const processCount: z.ZodType<number> = z.preprocess(
  (value) => (value === 'auto' ? Math.min(availableParallelism(), MAX_PROCESSES) : value),
  integer(1, MAX_PROCESSES, `must be a whole number from 1 to ${MAX_PROCESSES}, or auto`),
);

/** How a process works. */
export const PROCESS_FIELDS = {
  loggerName: field({
    name: 'logger_name',
    description: 'name in every log line',
    valueName: 'name',
    schema: text,
    default: 'object-transfer-tool',
  }),
  logLevel: field({
    name: 'log_level',
    description: `least severe log lines that are written: ${LOG_LEVELS.join(', ')}`,
    valueName: 'level',
    schema: choice(LOG_LEVELS),
    default: 'info',
  }),
  state: field({
    name: 'state',
    description: 'SQLite file that holds the state of the transfer; one file for one pair of buckets and prefixes',
    valueName: 'file',
    schema: text,
    default: 'object-transfer.sqlite',
  }),
  processes: field({
    name: 'processes',
    description: 'worker processes; auto: one for each core',
    valueName: 'n|auto',
    schema: processCount,
    default: 1,
  }),
  initialConcurrency: field({
    name: 'initial_concurrency',
    description: 'objects in flight per process at the start; grows while that helps',
    valueName: 'n',
    schema: integer(1, 4096),
    default: 16,
  }),
  maxConcurrency: field({
    name: 'max_concurrency',
    description: 'objects in flight per process, at most',
    valueName: 'n',
    schema: integer(1, 4096),
    default: 128,
  }),
  listStreams: field({
    name: 'list_streams',
    description: 'requests at a time for the listing of a large folder; 1 lists page after page',
    valueName: 'n',
    schema: integer(1, 32),
    default: DEFAULT_LIST_STREAMS,
  }),
  memoryBudgetBytes: field({
    name: 'memory_budget_mib',
    description: 'bytes in flight per process, at most, in MiB',
    valueName: 'mib',
    schema: mebibytes(8, 1024 * 1024),
    default: 128,
  }),
  partSizeBytes: field({
    name: 'part_size_mib',
    description: 'size of the parts of large objects, at least, in MiB',
    valueName: 'mib',
    schema: mebibytes(1, 5 * 1024),
    default: 64,
  }),
  parallelFromBytes: field({
    name: 'parallel_from_mib',
    description: 'objects of this size or more move as parallel parts, in MiB; smaller ones as one stream',
    valueName: 'mib',
    schema: mebibytes(1, 5 * 1024 * 1024),
    default: 1024,
  }),
  maxAttempts: field({
    name: 'max_attempts',
    description:
      'tries per object in one process before it is handed to the error topic; of one that moves in parts, per part',
    valueName: 'n',
    schema: integer(1, 100),
    default: 6,
  }),
};
