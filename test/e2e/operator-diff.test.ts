import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeManifestLine } from '@object-transfer/core/domain/manifest';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { openError, OperatorRig } from './operator-rig.ts';

let rig: OperatorRig;
let state: EmbeddedState;
const HOSTILE = 'a, "quoted"\r\nand\nbroken \u2028 é';

beforeEach(async () => {
  rig = await OperatorRig.start();
  state = await rig.open();
  await state.stateStore.addSubfolders(['', 'a/', 'b/', 'c/']);
  await state.stateStore.recordObjectErrors([
    openError('a/', '1', 'CHECK_MISSING'),
    openError('a/', HOSTILE, 'CHECK_DIFFERENT', `size, "7"\nnot 8`),
    openError('b/', '2', 'CHECK_EXTRA'),
    openError('b/', '3', 'CHECK_UNPROVEN'),
    openError('c/', '4', 'SOURCE_ARCHIVED'),
    openError('c/', '5', 'CHECK_MISSING'),
  ]);
  await state.stateStore.resolveObjectErrors('c/', ['root/c/5']);
});
afterEach(() => rig[Symbol.asyncDispose]());

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown;

async function diff(...flags: readonly string[]): Promise<string> {
  const result = await rig.command('diff', ...flags);
  expectExitCode(result, 0);
  return result.stdout;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').slice(0, -1);
}

describe('diff', () => {
  it('writes an object for each difference as JSON lines', async () => {
    const jsonl = await diff('--format', 'jsonl');
    const about = { firstSeen: ISO, lastSeen: ISO };
    expect(linesOf(jsonl).map((line) => JSON.parse(line) as unknown)).toEqual([
      { dir: 'a/', key: 'root/a/1', kind: 'missing', code: 'CHECK_MISSING', message: 'CHECK_MISSING of 1', ...about },
      {
        dir: 'a/',
        key: `root/a/${HOSTILE}`,
        kind: 'different',
        code: 'CHECK_DIFFERENT',
        message: 'size, "7"\nnot 8',
        ...about,
      },
      { dir: 'b/', key: 'root/b/2', kind: 'extra', code: 'CHECK_EXTRA', message: 'CHECK_EXTRA of 2', ...about },
      {
        dir: 'b/',
        key: 'root/b/3',
        kind: 'unproven',
        code: 'CHECK_UNPROVEN',
        message: 'CHECK_UNPROVEN of 3',
        ...about,
      },
      {
        dir: 'c/',
        key: 'root/c/4',
        kind: 'failed',
        code: 'SOURCE_ARCHIVED',
        message: 'SOURCE_ARCHIVED of 4',
        ...about,
      },
    ]);
    expect(await diff('--json')).toBe(jsonl);
  });

  it('writes CSV whose fields survive commas, quotes and line ends', async () => {
    const csv = await diff('--format', 'csv', '--dir', 'a');
    const [header, first, second = '', ...rest] = csv.split(/(?<=\r\n)(?=dir,|a\/,)/);
    expect(rest).toEqual([]);
    expect(header).toBe('dir,key,kind,code,message,firstSeen,lastSeen\r\n');
    expect(first).toMatch(/^a\/,root\/a\/1,missing,CHECK_MISSING,CHECK_MISSING of 1,\d[^,]+Z,\d[^,]+Z\r\n$/);
    expect(second).toContain(
      `a/,${quoted(`root/a/${HOSTILE}`)},different,CHECK_DIFFERENT,${quoted('size, "7"\nnot 8')},`,
    );
  });

  it('writes as a manifest what is to be transferred', async () => {
    const manifest = await diff('--format', 'manifest');
    expect(linesOf(manifest).map((line) => decodeManifestLine(line, 'the manifest'))).toEqual([
      { dir: 'a/', key: 'root/a/1' },
      { dir: 'a/', key: `root/a/${HOSTILE}` },
      { dir: 'b/', key: 'root/b/3' },
      { dir: 'c/', key: 'root/c/4' },
    ]);
  });

  it('writes one line for each as text', async () => {
    const lines = linesOf(await diff('--dir', 'c/', '--dir', 'a', '--dir', 'a/'));
    expect(lines).toEqual([
      'failed     "root/c/4"  SOURCE_ARCHIVED: SOURCE_ARCHIVED of 4',
      'missing    "root/a/1"  CHECK_MISSING: CHECK_MISSING of 1',
      `different  ${JSON.stringify(`root/a/${HOSTILE}`)}  CHECK_DIFFERENT: size, "7" not 8`,
    ]);
  });

  it('says where nothing is known, which is no failure', async () => {
    const result = await rig.command('diff', '--dir', '');
    expectExitCode(result, 0);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('no differences are known');
  });

  it('replaces a file when all is written, and leaves nothing else behind', async () => {
    const file = join(rig.directory, 'keys.jsonl');
    await writeFile(file, 'what was there before');
    const many = Array.from({ length: 2500 }, (_, index) => openError('b/', `many ${index}`, 'CHECK_MISSING'));
    await state.stateStore.recordObjectErrors(many);
    expect(await diff('--format', 'manifest', '--output', 'keys.jsonl')).toBe(
      '2,504 objects written to keys.jsonl; 1 object left out: it is at the destination only\n',
    );
    const written = linesOf(await readFile(file, 'utf8'));
    expect(written).toHaveLength(2504);
    expect(new Set(written.map((line) => decodeManifestLine(line, file)?.key)).size).toBe(2504);
    const json = await diff('--format', 'manifest', '--output', 'keys.jsonl', '--json');
    expect(JSON.parse(json)).toEqual({ written: 2504, leftOut: 1, file: 'keys.jsonl' });
    expect((await readdir(rig.directory)).filter((name) => name.startsWith('keys'))).toEqual(['keys.jsonl']);
  });

  it.each([
    { flags: ['--output', 'no-such-dir/file'], named: '--output' },
    { flags: ['--output', 'folder'], named: 'it is a folder' },
    { flags: ['--format', 'xml'], named: '--format' },
    { flags: ['--dir', 'no-such-dir'], named: 'no-such-dir/' },
  ])('refuses $flags', async ({ flags, named }) => {
    await mkdir(join(rig.directory, 'folder'));
    const result = await rig.command('diff', ...flags);
    expectExitCode(result, 2);
    expect(result.stderr).toContain(named);
  });
});
