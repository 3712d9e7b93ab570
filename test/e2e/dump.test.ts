import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';

let rehearsal: Rehearsal;
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

async function dump(...flags: readonly string[]): Promise<unknown> {
  const result = await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET, '--json', ...flags);
  expectExitCode(result, 0);
  return JSON.parse(result.stdout);
}

describe('dump', () => {
  it('lists the subfolders of the bucket, and adds to what is known only what is new', async () => {
    const { source } = rehearsal;
    for (const key of ['a b/1', 'a b/2/3', 'ä/1', 'PRE x/1', '/1', 'root']) source.put(key, 'x');
    expect(await dump('--dry-run')).toEqual({ listed: 5, new: 5, known: 0 });
    expect(await dump()).toEqual({ listed: 5, new: 5, known: 0 });
    source.put('new/1', 'x');
    expect(await dump('--dry-run')).toEqual({ listed: 6, new: 1, known: 5 });
    const { stdout } = await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET);
    expect(stdout).toBe('6 subfolders, the root included: 1 new, 5 known\n');
    expect(await dump('--s3-root-prefix', 'a b', '--state', 'other.sqlite')).toEqual({ listed: 2, new: 2, known: 0 });
  });

  it('adds nothing of a file that it cannot read to its end, and says where that is', async () => {
    await writeFile(rehearsal.path('list.txt'), 'new/\nwithout-its-slash\n');
    const { exitCode, stdout, stderr } = await rehearsal.command(
      'dump',
      '--s3-bucket',
      SOURCE_BUCKET,
      '--dump-file',
      'list.txt',
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('list.txt line 2: "without-its-slash" does not end in a slash');
    rehearsal.source.put('new/object', 'x');
    expect(await dump('--dry-run')).toEqual({ listed: 2, new: 2, known: 0 });
  });

  it('takes them from a file in the spelling of the reference tool, without a word to S3', async () => {
    const listing =
      '                           PRE a b/\n                           PRE ä/\n2024-01-01 00:00:00          1 root\n';
    await writeFile(rehearsal.path('listing.txt'), listing);
    await writeFile(rehearsal.path('list.json'), JSON.stringify(['ä/', 'new/']));
    rehearsal.s3.stats.reset();
    const command = ['dumpToMySQL', '--s3_bucket', SOURCE_BUCKET, '--json'];
    const first = await rehearsal.command(...command, '--dump_file', 'listing.txt');
    expectExitCode(first, 0);
    expect(JSON.parse(first.stdout)).toEqual({ listed: 3, new: 3, known: 0 });
    expect(await dump('--dump-file=list.json')).toEqual({ listed: 3, new: 1, known: 2 });
    expect(Object.values(rehearsal.s3.stats.operations).every((count) => count === 0)).toBe(true);
  });
});
