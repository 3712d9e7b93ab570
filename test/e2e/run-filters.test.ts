import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { Rehearsal } from './rehearsal.ts';

const NEW_YEAR = Date.UTC(2024, 0, 1);
const OBJECTS = [
  { key: 'photos/2023/a.jpg', lastModifiedMs: NEW_YEAR - 1000, storageClass: 'STANDARD' },
  { key: 'photos/2024/a.jpg', lastModifiedMs: NEW_YEAR, storageClass: 'STANDARD_IA' },
  { key: 'photos/2024/b.txt', lastModifiedMs: NEW_YEAR + 1000, storageClass: 'GLACIER' },
  { key: 'top.jpg', lastModifiedMs: NEW_YEAR + 86_400_000, storageClass: 'STANDARD' },
] as const;

let rehearsal: Rehearsal;
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  for (const { key, lastModifiedMs, storageClass } of OBJECTS) {
    rehearsal.source.put(key, key, { lastModifiedMs, attributes: { storageClass } });
  }
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

describe('run with filters', () => {
  it.each([
    ['--storage-class STANDARD', ['photos/2023/a.jpg', 'top.jpg']],
    [
      '--storage-class standard,STANDARD_IA --last-modified-before 2024-01-01T00:00:01Z',
      ['photos/2023/a.jpg', 'photos/2024/a.jpg'],
    ],
    ['--last-modified-after 2024-01-01 --exclude **/*.txt', ['photos/2024/a.jpg', 'top.jpg']],
    ['--include *.jpg --include photos/2023/**', ['photos/2023/a.jpg', 'top.jpg']],
  ])('%s: what they let through takes part, and nothing else is counted', async (flags, expected) => {
    const result = await rehearsal.run(...flags.split(' '));
    expectExitCode(result, 0);
    const bytes = expected.join('').length;
    expect(result.report).toMatchObject({
      objects: { listed: expected.length, transferred: expected.length, skipped: 0, failed: 0 },
      bytes: { listed: bytes, transferred: bytes },
      verified: true,
    });
    expect([...(await rehearsal.destination()).keys()]).toEqual(expected);
  });

  it('brings the rest once the filters let more through', async () => {
    expect((await rehearsal.run('--include', 'photos/2023/**')).exitCode).toBe(0);
    const { exitCode, report } = await rehearsal.run('--exclude', '**/*.txt');
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({ objects: { listed: 3, transferred: 2, skipped: 1, failed: 0 }, verified: true });
    expect((await rehearsal.destination()).size).toBe(3);
  });
});
