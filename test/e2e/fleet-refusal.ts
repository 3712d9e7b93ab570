import { writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { expectExitCode, RunningCommand, type CommandResult } from './command.ts';
import { configuredBy, type Fleet } from './fleet.ts';

/** Stands where a password or a key does: nothing that is written may hold it. */
export const HIDDEN = 'correct-horse-battery-staple';
/** Nobody listens there. */
export const CLOSED = '127.0.0.1:1';
const DUMP_FILE = 'dump.txt';

export interface Refusal {
  /** Default 2: a wrong configuration. */
  readonly exitCode?: 2 | 3;
  /** Variables beside the fleet's, or in their place. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a command whose end {@link refusalOf} looks at. */
export function startRefused(fleet: Fleet, args: readonly string[], { environment }: Refusal = {}): RunningCommand {
  return new RunningCommand(args, {
    cwd: fleet.rehearsal.directory,
    environment: { ...fleet.environment, ...environment },
  });
}

/** Holds that a command said in one message what is wrong, and nothing else. @returns the message */
export function refusalOf(result: CommandResult, { exitCode = 2 }: Refusal = {}): string {
  expectExitCode(result, exitCode);
  const { stdout, stderr } = result;
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^error [A-Z_]+: /);
  // Further lines belong to the first: `  s3_bucket (Datastore entity …) must be …`.
  expect(stderr).toMatch(/^[^\n]+\n(?: {2}\S[^\n]*\n)*$/);
  expect(stderr).not.toContain(HIDDEN);
  return stderr;
}

/** Runs a command that must end with one message and have changed nothing. @returns the message */
export async function refused(fleet: Fleet, args: readonly string[], refusal: Refusal = {}): Promise<string> {
  const before = await everything(fleet);
  await using command = startRefused(fleet, args, refusal);
  const message = refusalOf(await command.ended, refusal);
  expect(await everything(fleet)).toEqual(before);
  return message;
}

/** Matches what holds all of these texts. */
export function naming(texts: readonly string[]): RegExp {
  const escaped = texts.map((text) => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.map((text) => `(?=[^]*${text})`).join('')}`);
}

/** Tables with their columns and rows (but for the runs: that it was tried is on record), topics and subscriptions with their messages. */
async function everything({ home, table, pubsub }: Fleet): Promise<unknown> {
  const columns = await home.query(
    `SELECT table_name AS of, column_name AS name, column_type AS type FROM information_schema.columns
       WHERE table_schema = DATABASE() AND table_name LIKE '${table}%' ORDER BY table_name, ordinal_position`,
  );
  const tables = new Set(columns.map((column) => String(column['of'])));
  const rows: unknown[] = [];
  tables.delete(`${table}_runs`);
  for (const each of tables) rows.push([each, await home.query(`SELECT * FROM \`${each}\``)]);
  const { topics, subscriptions } = pubsub.stats();
  return { columns, rows, topics, subscriptions };
}

/** `dump` of a file with two subfolders, by an entity. */
export async function dumpOf(fleet: Fleet, entity: string): Promise<readonly string[]> {
  await writeFile(fleet.rehearsal.path(DUMP_FILE), 'a/\nb/\n');
  return ['dump', ...configuredBy(entity), '--dump_file', DUMP_FILE];
}
