import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand, type CommandResult } from '../e2e/command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { integrityOf, nodeWithFileLimit } from './disk-limit.ts';

let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  contents = putNumberedObjects(rehearsal.source, 3, 50);
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

const ROOT_ROWS = 1;
const SOURCE = ['--s3-bucket', SOURCE_BUCKET];
const SINGLE = ['--num-single-message', '1'];

/** Runs a command whose files cannot grow beyond a size. */
async function limited(maxKib: number, ...args: readonly string[]): Promise<CommandResult> {
  const node = await nodeWithFileLimit(rehearsal.path('limited-node'), maxKib);
  await using command = new RunningCommand(args, {
    cwd: rehearsal.directory,
    environment: rehearsal.environment,
    node,
  });
  return await command.ended;
}

const stateFile = (): string => rehearsal.path('object-transfer.sqlite');

function count(table: string): number {
  using state = new DatabaseSync(stateFile(), { readOnly: true });
  return Number(state.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows']);
}

/** It says that there is no room, and where, and the file is whole. */
function expectFull(result: CommandResult): void {
  expectExitCode(result, 3);
  expect(result.stderr).toContain(`error STATE_STORAGE_FULL: state file ${stateFile()}: `);
  expect(result.stdout).toBe('');
  expect(integrityOf(stateFile())).toBe('ok');
}

/** A run takes over what the dead have left: nothing of it was lost. */
async function expectVerified(): Promise<void> {
  const result = await rehearsal.run(...SINGLE);
  expectExitCode(result, 0);
  expect(result.report).toMatchObject({ objects: { listed: contents.size, failed: 0 }, verified: true });
  expect(await rehearsal.destination()).toEqual(contents);
}

describe('where the state file has no room to grow', () => {
  it('dump loads nothing, says so, and loads all of it when there is room again', async () => {
    const subfolders = Array.from({ length: 20_000 }, (_, index) => `a-subfolder-with-some-name/${index}/`);
    await writeFile(rehearsal.path('dump.txt'), subfolders.join('\n'));
    const dump = ['dump', ...SOURCE, '--dump-file', 'dump.txt', '--json'];
    expectFull(await limited(1024, ...dump));
    expect(count('object_transfer_state')).toBe(0);
    const result = await rehearsal.command(...dump);
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({ new: subfolders.length + ROOT_ROWS });
  });

  it('publisher objects ends, and what is left is published when there is room again', async () => {
    expectExitCode(await rehearsal.command('dump', ...SOURCE), 0);
    expectFull(await limited(100, 'publisher', 'objects', ...SOURCE, ...SINGLE));
    expect(count('queue_messages')).toBeLessThan(contents.size);
    await expectVerified();
  });

  it('worker cdnTransfer ends, and what is left is transferred when there is room again', async () => {
    expectExitCode(await rehearsal.command('dump', ...SOURCE), 0);
    expectExitCode(await rehearsal.command('publisher', 'objects', ...SOURCE, ...SINGLE), 0);
    const work = ['worker', 'cdnTransfer', ...SOURCE, '--gcs-bucket', DESTINATION_BUCKET];
    const cdn = ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
    expectFull(await limited(500, ...work, ...cdn));
    expect(rehearsal.gcs.objects.names(DESTINATION_BUCKET).length).toBeLessThan(contents.size);
    await expectVerified();
  });

  it('run ends without a report, and the same run ends verified when there is room again', async () => {
    expectFull(await limited(800, ...rehearsal.runFlags, ...SINGLE));
    expect(existsSync(rehearsal.path('report.json'))).toBe(false);
    const arrived = rehearsal.gcs.objects.names(DESTINATION_BUCKET).length;
    expect(arrived).toBeLessThan(contents.size);
    await expectVerified();
  });
});
