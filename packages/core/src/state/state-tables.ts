import { CamelCasePlugin, type Generated, type GeneratedAlways } from 'kysely';
import { STATE_TABLE_FORM, STATE_TABLE_NAME } from '../config/state-table-name.ts';
import { ConfigurationError } from '../domain/errors.ts';
import type { RunStatus } from '../ports/state-store.ts';

/**
 * The tables as kysely sees them, in every dialect. Columns are the reference schema's and the additions, in camel case;
 * flags are 0 or 1, as SQLite has no booleans and MySQL's are TINYINTs. The reference's DATETIME columns hold
 * `YYYY-MM-DD HH:MM:SS` in UTC; the times that this program compares (`…At`) are milliseconds since 1970.
 */
export interface StateTables {
  subfolders: SubfolderTable;
  objectErrors: ObjectErrorTable;
  runs: RunTable;
  workers: WorkerTable;
  controls: ControlTable;
}

type Flag = 0 | 1;

interface SubfolderTable {
  dirKey: string;
  initialTransfer: Generated<Flag>;
  s3Size: Generated<number>;
  gcsSize: Generated<number>;
  cdnTransferPublished: Generated<Flag>;
  syncCheckPublished: Generated<Flag>;
  rsyncPublished: Generated<Flag>;
  syncCheckInProgress: Generated<Flag>;
  rsyncInProgress: Generated<Flag>;
  syncCheckFrequency: Generated<number>;
  rsyncFrequency: Generated<number>;
  syncCheckLastStart: string | null;
  syncCheckLastEnd: string | null;
  rsyncLastStart: string | null;
  rsyncLastEnd: string | null;
  syncCheckError: string | null;
  rsyncError: string | null;
  s3ObjectCount: Generated<number>;
  gcsObjectCount: Generated<number>;
  missingCount: Generated<number>;
  mismatchedCount: Generated<number>;
  unprovenCount: Generated<number>;
  extraCount: Generated<number>;
  objectsPublished: Generated<number>;
  bytesPublished: Generated<number>;
  leaseOwner: string | null;
  /** 0 where nobody holds the row: never NULL, so that one range of an index finds what is free. */
  leaseExpiresAt: Generated<number>;
  /** Repairs since the row was last equal. */
  rsyncAttempts: Generated<number>;
  /** 1: to be compared, once it is not published for that. */
  checkDue: GeneratedAlways<number>;
  /** 2: compared, and not equal. 1: equal but for what only the destination has. */
  repairDue: GeneratedAlways<number>;
}

interface ObjectErrorTable {
  dirKey: string;
  objectKey: string;
  code: string;
  message: string;
  attempts: number;
  firstSeenAt: number;
  lastSeenAt: number;
  /** NULL while the error is open. */
  resolvedAt: number | null;
}

export interface RunTable {
  runId: string;
  job: string;
  host: string;
  pid: number;
  startedAt: number;
  heartbeatAt: number;
  endedAt: number | null;
  status: RunStatus;
  exitMessage: string | null;
  /** Who started it, as the operating system knows them. */
  userName: Generated<string | null>;
  /** JSON. */
  counters: Generated<string | null>;
}

interface WorkerTable {
  workerId: string;
  runId: string | null;
  mode: string;
  host: string;
  pid: number;
  /** JSON. */
  counters: string;
  heartbeatAt: number;
  /** NULL until its last report. */
  endedAt: number | null;
}

interface ControlTable {
  name: string;
  value: string;
  updatedAt: number;
}

/** The names of the tables in the database. */
export type StateTableNames = Readonly<Record<keyof StateTables | 'migrations', string>>;

export const DEFAULT_STATE_TABLE = 'object_transfer_state';

/** @throws ConfigurationError `CONFIG_INVALID` for what is no plain identifier: the name goes into statements */
export function stateTableNames(table: string): StateTableNames {
  if (!STATE_TABLE_NAME.test(table)) {
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `the state table's name ${JSON.stringify(table)} is not ${STATE_TABLE_FORM}`,
    );
  }
  return {
    subfolders: table,
    objectErrors: `${table}_object_errors`,
    runs: `${table}_runs`,
    workers: `${table}_workers`,
    controls: `${table}_controls`,
    migrations: `${table}_migrations`,
  };
}

/**
 * Maps camel case to snake case and back, and the tables to their names as they are given: `MYSQL_TABLE` stays as it is.
 */
export class StateNamesPlugin extends CamelCasePlugin {
  readonly #tables: ReadonlyMap<string, string>;

  constructor(names: StateTableNames) {
    // Only columns are renamed, never the keys inside a value.
    super({ maintainNestedObjectKeys: true });
    this.#tables = new Map(Object.entries(names));
  }

  protected override snakeCase(name: string): string {
    return this.#tables.get(name) ?? super.snakeCase(name);
  }
}
