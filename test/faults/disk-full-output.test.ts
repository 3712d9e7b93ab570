import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, type CommandResult } from '../e2e/command.ts';
import { Rehearsal } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { canMount, SmallDisk } from './disk-limit.ts';

let rehearsal: Rehearsal;
let cleanup: DisposableStack;
let disk: string;
/** On a disk that has no room for it. */
let output: string;

beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  cleanup = new DisposableStack();
  putNumberedObjects(rehearsal.source, 1, 3);
  disk = rehearsal.path('disk');
  await mkdir(disk);
  cleanup.use(new SmallDisk(disk, '64k'));
  output = join(disk, 'output');
});
afterEach(async () => {
  cleanup.dispose();
  await rehearsal[Symbol.asyncDispose]();
});

const ballast = (): string => join(disk, 'ballast');

/** Leaves no byte free. */
function fill(): void {
  const file = openSync(ballast(), 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

/** It says so, and names the file. */
function expectFull(result: CommandResult): void {
  expectExitCode(result, 3);
  expect(result.stderr).toContain('error STATE_STORAGE_FULL: ');
  expect(result.stderr).toContain(output);
}

const EARLIER = 'of an earlier time';

describe.skipIf(!canMount)('onto a disk that is full', () => {
  it('run leaves no report and no part of one; the same run writes it when there is room', async () => {
    fill();
    const flags = [...rehearsal.runFlags.slice(0, -1), output];
    expectFull(await rehearsal.command(...flags));
    expect(readdirSync(disk)).toEqual(['ballast']);
    rmSync(ballast());
    expectExitCode(await rehearsal.command(...flags), 0);
    expect(JSON.parse(readFileSync(output, 'utf8'))).toMatchObject({ verified: true });
  });

  it('diff writes no list of differences, and leaves the earlier one', async () => {
    // Which GCS forbids.
    rehearsal.source.put('a\nname', 'x');
    expectExitCode(await rehearsal.run(), 1);
    const diff = ['diff', '--output', output];
    writeFileSync(output, EARLIER);
    fill();
    expectFull(await rehearsal.command(...diff));
    expect(readdirSync(disk).toSorted()).toEqual(['ballast', 'output']);
    expect(readFileSync(output, 'utf8')).toBe(EARLIER);
    rmSync(ballast());
    expectExitCode(await rehearsal.command(...diff), 0);
    expect(readFileSync(output, 'utf8')).toContain('a\\nname');
  });
});
