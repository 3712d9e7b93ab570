import { copyFile, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectExitCode, type RunningCommand } from '../e2e/command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { listeningAddresses } from '../security/listening-sockets.ts';
import { RequestGate } from './shutdown-gate.ts';

const FOLDERS = ['folder-0/', 'folder-1/'];
const SOURCE = ['--s3-bucket', SOURCE_BUCKET];

let rehearsal: Rehearsal;
const listings = new RequestGate((url) => url.includes('list-type=2'));
/** What modules list after they have looked whether they can work. */
const comparisons = new RequestGate((url) => url.includes('prefix=folder-'));
const uploads = new RequestGate((url) => url.startsWith('/upload/'));
const interceptS3: RequestInterceptor = async (...request) =>
  (await listings.intercept(...request)) || comparisons.intercept(...request);
let cdn: readonly string[];
let both: readonly string[];

/** States with work for every module, which each test gets a copy of. */
const BASE = 'base.sqlite';
const DUMPED = 'dumped.sqlite';

beforeAll(async () => {
  rehearsal = await Rehearsal.start({ interceptS3, interceptGcs: uploads.intercept });
  cdn = ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
  both = [...SOURCE, '--gcs-bucket', DESTINATION_BUCKET];
  const inOrder = async (...args: readonly string[]) => expectExitCode(await rehearsal.command(...args), 0);
  putNumberedObjects(rehearsal.source, FOLDERS.length, 3);
  await inOrder('dump', ...SOURCE, '--state', DUMPED);
  await inOrder(...rehearsal.runFlags, '--state', BASE);
  // To be compared, repaired and transferred.
  for (const folder of FOLDERS) rehearsal.source.put(`${folder}new`, 'new');
  await inOrder('publisher', 'sync-check', ...SOURCE, '--state', BASE, '--recheck', '--once');
  await using checker = rehearsal.start('worker', 'syncCheck', ...both, '--state', BASE);
  await checker.whileRunning(until(() => count(BASE, 'queue_messages') === 0));
  checker.kill('SIGTERM');
  await checker.ended;
  await inOrder('publisher', 'rsync', ...SOURCE, '--state', BASE, '--once');
  await inOrder('publisher', 'sync-check', ...SOURCE, '--state', BASE, '--recheck', '--once');
  const keys = FOLDERS.map(
    (folder) => `${JSON.stringify(`${folder}new`)}
`,
  );
  await writeFile(rehearsal.path('manifest'), keys.join(''));
  await inOrder('publisher', 'objects', ...SOURCE, '--state', BASE, '--manifest', 'manifest');
});
afterAll(() => rehearsal[Symbol.asyncDispose]());
afterEach(() => {
  for (const gate of [listings, comparisons, uploads]) gate.drop();
});

function count(state: string, table: string, condition = 'true'): number {
  using file = new DatabaseSync(rehearsal.path(state), { readOnly: true, timeout: 5_000 });
  return Number(file.prepare(`SELECT count(*) AS rows FROM ${table} WHERE ${condition}`).get()?.['rows']);
}

function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: 100_000, interval: 50 });
}

/** A module at its work. */
interface Module {
  readonly name: string;
  readonly args: () => readonly string[];
  readonly from: typeof BASE | typeof DUMPED;
  /** What it is held at; `undefined` for one that waits for work. */
  readonly gate: RequestGate | undefined;
  /** Once it was told to stop. */
  readonly exitCode: 0 | 1;
}

const MODULES: readonly Module[] = [
  { name: 'dump', args: () => SOURCE, from: DUMPED, gate: listings, exitCode: 1 },
  { name: 'publisher objects', args: () => SOURCE, from: DUMPED, gate: comparisons, exitCode: 1 },
  { name: 'publisher sync-check', args: () => SOURCE, from: DUMPED, gate: undefined, exitCode: 0 },
  { name: 'publisher rsync', args: () => SOURCE, from: DUMPED, gate: undefined, exitCode: 0 },
  { name: 'worker cdnTransfer', args: () => [...both, ...cdn], from: BASE, gate: uploads, exitCode: 0 },
  { name: 'worker syncCheck', args: () => both, from: BASE, gate: comparisons, exitCode: 0 },
  { name: 'worker rsync', args: () => [...both, ...cdn], from: BASE, gate: uploads, exitCode: 0 },
  { name: 'sync folder-0/', args: () => [...both, ...cdn], from: BASE, gate: uploads, exitCode: 1 },
  { name: 'status --watch', args: () => [], from: BASE, gate: undefined, exitCode: 0 },
];

let states = 0;

/** Starts a module, with a state of its own, and waits until it is at work. */
async function startAtWork({ name, args, from, gate }: Module): Promise<readonly [RunningCommand, string]> {
  const state = `state-${++states}.sqlite`;
  await copyFile(rehearsal.path(from), rehearsal.path(state));
  // What a test before has transferred is to be transferred again.
  for (const folder of FOLDERS) rehearsal.gcs.objects.remove(DESTINATION_BUCKET, `${folder}new`);
  const command = rehearsal.start(...name.split(' '), ...args(), '--state', state);
  gate?.close();
  if (gate !== undefined) await command.whileRunning(gate.held);
  else if (name.startsWith('status')) await command.waitForOutput('subfolders');
  else await command.whileRunning(until(() => count(state, 'object_transfer_state_runs', "status = 'RUNNING'") > 0));
  return [command, state];
}

/** Nobody has anything in hand, and nobody is said to be at work. */
function expectNothingHeld(state: string): void {
  const inProgress = 'lease_owner IS NOT NULL OR sync_check_in_progress OR rsync_in_progress';
  expect(count(state, 'object_transfer_state', inProgress)).toBe(0);
  expect(count(state, 'queue_messages', 'lease_owner IS NOT NULL')).toBe(0);
  expect(count(state, 'object_transfer_state_runs', "status = 'RUNNING'")).toBe(0);
}

describe.each(MODULES)('$name', (module) => {
  it(`ends on SIGTERM with exit code ${module.exitCode}, and leaves nothing in its hands`, async () => {
    const [command, state] = await startAtWork(module);
    await using _ = command;
    expect(await listeningAddresses(command)).toEqual([]);
    command.kill('SIGTERM');
    await command.waitForOutput('stopping: ');
    // What is being transferred is finished. A listing is not waited for: it may never be answered.
    if (module.gate === uploads) uploads.open();
    expect(await command.ended).toMatchObject({ exitCode: module.exitCode, signal: null });
    expectNothingHeld(state);
  });
});

/** Those that can be held here once they are told to stop; how `dump` and publishers of subfolders are: shutdown-fleet.test.ts. */
const FINISHING = MODULES.filter(({ name, gate }) => gate !== undefined && name !== 'dump');

describe.each(FINISHING)('$name', (module) => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at once on the second %s, with exit code %d', async (signal, exitCode) => {
    const [command] = await startAtWork(module);
    await using _ = command;
    command.kill('SIGTERM');
    await command.waitForOutput('stopping: ');
    command.kill(signal);
    expect(await command.ended).toMatchObject({ exitCode, signal: null });
  });
});
