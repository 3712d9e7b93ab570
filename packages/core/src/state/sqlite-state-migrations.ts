import { CHECK_DUE, REPAIR_DUE } from './due-columns.ts';
import type { SqliteMigration } from './migrate-sqlite.ts';
import type { StateTableNames } from './state-tables.ts';

/** The schema of the state store on SQLite, step by step. Text compares byte for byte (BINARY is the default). */
export function sqliteStateMigrations(names: StateTableNames): readonly SqliteMigration[] {
  return [
    { name: 'reference schema, leases, object errors, runs, workers, controls', sql: createTables(names) },
    { name: 'what is to be compared and repaired, counters of runs', sql: addDueColumns(names) },
    { name: 'which workers are live', sql: addWorkerEnds(names) },
  ];
}

function addDueColumns(names: StateTableNames): string {
  const table = `"${names.subfolders}"`;
  return `
    ALTER TABLE ${table} ADD COLUMN unproven_count INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE ${table} ADD COLUMN rsync_attempts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE ${table} ADD COLUMN check_due INTEGER GENERATED ALWAYS AS (${CHECK_DUE}) VIRTUAL;
    ALTER TABLE ${table} ADD COLUMN repair_due INTEGER GENERATED ALWAYS AS (${REPAIR_DUE}) VIRTUAL;
    CREATE INDEX "${names.subfolders}_to_check" ON ${table} (check_due, sync_check_published, lease_expires_at, dir_key);
    CREATE INDEX "${names.subfolders}_to_repair" ON ${table} (repair_due, rsync_published, lease_expires_at, dir_key);

    ALTER TABLE "${names.runs}" ADD COLUMN user_name TEXT;
    ALTER TABLE "${names.runs}" ADD COLUMN counters TEXT;
    CREATE INDEX "${names.runs}_by_start" ON "${names.runs}" (started_at, run_id);
    CREATE INDEX "${names.runs}_by_status" ON "${names.runs}" (status, started_at, run_id);
    CREATE INDEX "${names.objectErrors}_open_by_code" ON "${names.objectErrors}" (code, object_key, dir_key)
      WHERE resolved_at IS NULL;
  `;
}

function addWorkerEnds(names: StateTableNames): string {
  return `
    ALTER TABLE "${names.workers}" ADD COLUMN ended_at INTEGER;
    CREATE INDEX "${names.workers}_by_heartbeat" ON "${names.workers}" (mode, heartbeat_at);
  `;
}

function createTables(names: StateTableNames): string {
  return `
    CREATE TABLE "${names.subfolders}" (
      dir_key TEXT NOT NULL PRIMARY KEY,
      initial_transfer INTEGER NOT NULL DEFAULT 1,
      s3_size INTEGER NOT NULL DEFAULT 0,
      gcs_size INTEGER NOT NULL DEFAULT 0,
      cdn_transfer_published INTEGER NOT NULL DEFAULT 0,
      sync_check_published INTEGER NOT NULL DEFAULT 0,
      rsync_published INTEGER NOT NULL DEFAULT 0,
      sync_check_in_progress INTEGER NOT NULL DEFAULT 0,
      rsync_in_progress INTEGER NOT NULL DEFAULT 0,
      sync_check_frequency INTEGER NOT NULL DEFAULT 0,
      rsync_frequency INTEGER NOT NULL DEFAULT 0,
      sync_check_last_start TEXT,
      sync_check_last_end TEXT,
      rsync_last_start TEXT,
      rsync_last_end TEXT,
      sync_check_error TEXT,
      rsync_error TEXT,
      s3_object_count INTEGER NOT NULL DEFAULT 0,
      gcs_object_count INTEGER NOT NULL DEFAULT 0,
      missing_count INTEGER NOT NULL DEFAULT 0,
      mismatched_count INTEGER NOT NULL DEFAULT 0,
      extra_count INTEGER NOT NULL DEFAULT 0,
      objects_published INTEGER NOT NULL DEFAULT 0,
      bytes_published INTEGER NOT NULL DEFAULT 0,
      lease_owner TEXT,
      lease_expires_at INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;

    -- What a publisher may claim, those never held first; a row leaves it when it is published.
    CREATE INDEX "${names.subfolders}_to_publish" ON "${names.subfolders}" (lease_expires_at, dir_key)
      WHERE initial_transfer = 1 AND cdn_transfer_published = 0;

    CREATE INDEX "${names.subfolders}_held" ON "${names.subfolders}" (lease_owner) WHERE lease_owner IS NOT NULL;

    CREATE TABLE "${names.objectErrors}" (
      dir_key TEXT NOT NULL,
      object_key TEXT NOT NULL,
      code TEXT NOT NULL,
      message TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      first_seen_at INTEGER NOT NULL,
      last_seen_at INTEGER NOT NULL,
      resolved_at INTEGER,
      PRIMARY KEY (dir_key, object_key)
    ) WITHOUT ROWID;

    CREATE INDEX "${names.objectErrors}_open" ON "${names.objectErrors}" (object_key, dir_key)
      WHERE resolved_at IS NULL;
    CREATE INDEX "${names.objectErrors}_open_by_dir" ON "${names.objectErrors}" (dir_key, object_key)
      WHERE resolved_at IS NULL;

    CREATE TABLE "${names.runs}" (
      run_id TEXT NOT NULL PRIMARY KEY,
      job TEXT NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      started_at INTEGER NOT NULL,
      heartbeat_at INTEGER NOT NULL,
      ended_at INTEGER,
      status TEXT NOT NULL,
      exit_message TEXT
    ) WITHOUT ROWID;

    CREATE UNIQUE INDEX "${names.runs}_one_per_job" ON "${names.runs}" (job) WHERE status = 'RUNNING';

    CREATE TABLE "${names.workers}" (
      worker_id TEXT NOT NULL PRIMARY KEY,
      run_id TEXT,
      mode TEXT NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      counters TEXT NOT NULL,
      heartbeat_at INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE INDEX "${names.workers}_by_run" ON "${names.workers}" (run_id, worker_id);

    CREATE TABLE "${names.controls}" (
      name TEXT NOT NULL PRIMARY KEY,
      value TEXT NOT NULL,
      updated_at INTEGER NOT NULL
    ) WITHOUT ROWID;
  `;
}
