import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MIN_OBJECTS, runSoak } from './run-soak.ts';

const RANDOM_SEED = randomInt(1, 2 ** 31);
console.log(
  `the seed of the random soak is ${RANDOM_SEED}: npm run soak -- --objects 300 --faults 90 --seed ${RANDOM_SEED}`,
);

describe('a fleet whose connections, answers, processes, database, queue and buckets are broken', () => {
  it.each([
    { which: 'a fixed seed', seed: 1 },
    { which: `the random seed ${RANDOM_SEED}`, seed: RANDOM_SEED },
  ])(
    'loses nothing, leaves nothing and lists what can never arrive, by $which',
    async ({ seed }) => {
      const log = (line: string): void => console.log(`seed ${seed}: ${line}`);
      const report = await runSoak({ objects: MIN_OBJECTS, faults: 90, seed, log });
      console.log(JSON.stringify(report.injected));
      expect(report.faults).toBeGreaterThanOrEqual(90);
      expect(report.findings).toEqual([]);
      // A soak that breaks nothing proves nothing.
      for (const kind of ['status', 'refuse', 'resetInBody', 'truncate'])
        expect(report.injected[kind]).toBeGreaterThan(0);
      expect(Object.keys(report.injected).some((kind) => /SIG|suspended|database|Pub/.test(kind))).toBe(true);
    },
    // Waits for events all the way; this only ends a soak that hangs on a machine that is busy with other things.
    600_000,
  );
});

describe('the defects that a soak must find', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const patches = fileURLToPath(new URL('defects/', import.meta.url));

  it('can still be made', async () => {
    const names = await readdir(patches);
    expect(names.length).toBe(3);
    for (const name of names)
      await promisify(execFile)('git', ['apply', '--check', `${patches}${name}`], { cwd: root });
  });
});
