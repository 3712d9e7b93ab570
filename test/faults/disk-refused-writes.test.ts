import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, type RunningCommand } from '../e2e/command.ts';
import { Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { UploadGate } from '../e2e/upload-gate.ts';
import { integrityOf, refuseWrites } from './disk-limit.ts';
import { RequestGate } from './shutdown-gate.ts';

/*
 * A file system that turns read-only in the midst of the work, as the kernel makes it after an error of its disk: from that moment
 * on each write fails, also to what is open. SQLite says the same of any such failure but ENOSPC.
 */

/** Of 60: some have arrived, some are under way, some wait. */
const UPLOADS_BEFORE = 20;

let listings: RequestGate;
let uploads: UploadGate;
let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;
beforeEach(async () => {
  listings = new RequestGate((url) => url.includes('prefix=folder-'));
  uploads = new UploadGate(UPLOADS_BEFORE);
  rehearsal = await Rehearsal.start({ interceptS3: listings.intercept, interceptGcs: uploads.intercept });
  contents = putNumberedObjects(rehearsal.source, 2, 20);
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

const SOURCE = ['--s3-bucket', SOURCE_BUCKET];
const SINGLE = ['--num-single-message', '1'];
const stateFile = (): string => rehearsal.path('object-transfer.sqlite');

/** It says so, and names the file; what is in it is whole. */
async function expectRefused(command: RunningCommand): Promise<void> {
  const result = await command.ended;
  expectExitCode(result, 3);
  expect(result.stderr).toContain(`error STATE_STORAGE_FULL: state file ${stateFile()}: writing failed`);
  expect(result.stdout).toBe('');
  expect(integrityOf(stateFile())).toBe('ok');
}

function publishedDirs(): readonly unknown[] {
  using state = new DatabaseSync(stateFile(), { readOnly: true });
  const rows = state.prepare('SELECT dir_key FROM object_transfer_state WHERE cdn_transfer_published').all();
  return rows.map(({ dir_key }) => dir_key);
}

describe('a state file that cannot be written any more, from one moment to the next', () => {
  it('ends whoever is at work, and the next one loses nothing of what was in its hands', async () => {
    expectExitCode(await rehearsal.command('dump', ...SOURCE), 0);
    listings.close();
    await using publisher = rehearsal.start('publisher', 'objects', ...SOURCE, ...SINGLE);
    await publisher.whileRunning(listings.held);
    refuseWrites(publisher);
    listings.open();
    await expectRefused(publisher);
    expect(publishedDirs()).not.toContain('folder-0/');

    await using run = rehearsal.start(...rehearsal.runFlags, ...SINGLE);
    await run.whileRunning(uploads.seen(UPLOADS_BEFORE + 1));
    refuseWrites(run);
    uploads.release();
    await expectRefused(run);
    expect(existsSync(rehearsal.path('report.json'))).toBe(false);

    const { exitCode, report } = await rehearsal.run(...SINGLE);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ objects: { listed: contents.size, failed: 0 }, verified: true });
    expect(await rehearsal.destination()).toEqual(contents);
  });
});
