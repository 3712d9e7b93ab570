import { mkdir, readdir, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { Rehearsal } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';

const OWNER_ONLY = 0o077;

let rehearsal: Rehearsal;
let usual: number;
beforeEach(async () => {
  usual = process.umask(OWNER_ONLY);
  rehearsal = await Rehearsal.start();
  putNumberedObjects(rehearsal.source, 1, 2);
});
afterEach(async () => {
  process.umask(usual);
  await rehearsal[Symbol.asyncDispose]();
});

describe('the files of a run', () => {
  it('are closed to others where the umask says so and leave nothing in the folder of temporary files', async () => {
    await mkdir(rehearsal.path('tmp'));
    const environment = { ...rehearsal.environment, TMPDIR: rehearsal.path('tmp'), NODE_COMPILE_CACHE: '' };
    const options = { cwd: rehearsal.directory, environment };
    await using command = new RunningCommand([...rehearsal.runFlags], options);
    expectExitCode(await command.ended, 0);
    const files = await readdir(rehearsal.directory, { recursive: true, withFileTypes: true });
    const modes = await Promise.all(
      files
        .filter((file) => file.isFile() || file.isDirectory())
        .map(async (file) => ({
          name: file.name,
          mode: (await stat(`${file.parentPath}/${file.name}`)).mode & OWNER_ONLY,
        })),
    );
    expect(modes.map(({ name }) => name)).toEqual(expect.arrayContaining(['report.json', 'object-transfer.sqlite']));
    expect(modes.filter(({ mode }) => mode !== 0)).toEqual([]);
    expect(await readdir(rehearsal.path('tmp'))).toEqual([]);
  });
});
