import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from '../e2e/command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { canMount, integrityOf, makeReadOnly } from './disk-limit.ts';

let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;
let directory: string;
let state: readonly string[];
let file: string;
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  contents = putNumberedObjects(rehearsal.source, 2, 5);
  directory = rehearsal.path('state');
  await mkdir(directory);
  file = join(directory, 'state.sqlite');
  state = ['--state', file];
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

const SOURCE = ['--s3-bucket', SOURCE_BUCKET];

describe.skipIf(process.getuid?.() === 0 && !canMount)('a state file in a directory that is read-only', () => {
  it('is refused by every command that would write to it, and goes on when it can be written again', async () => {
    const run = [...rehearsal.runFlags, ...state];
    const worker = ['worker', 'cdnTransfer', ...SOURCE, '--gcs-bucket', DESTINATION_BUCKET];
    const commands = [
      ['dump', ...SOURCE, ...state],
      ['publisher', 'objects', ...SOURCE, ...state],
      [...worker, '--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`, ...state],
      run,
    ];
    expectExitCode(await rehearsal.command('dump', ...SOURCE, ...state), 0);
    {
      using _ = await makeReadOnly(directory);
      const results = await Promise.all(commands.map((command) => rehearsal.command(...command)));
      for (const result of results) {
        expectExitCode(result, 2);
        expect(result.stderr).toContain(`error CONFIG_UNREADABLE: state file ${file}: `);
        expect(result.stdout).toBe('');
      }
      const fresh = join(directory, 'fresh.sqlite');
      const result = await rehearsal.command(...rehearsal.runFlags, '--state', fresh);
      expectExitCode(result, 2);
      expect(result.stderr).toContain(`error CONFIG_UNREADABLE: state file ${fresh}: `);
    }
    expect(integrityOf(file)).toBe('ok');
    expectExitCode(await rehearsal.command(...run), 0);
    expect(await rehearsal.destination()).toEqual(contents);
  });
});
