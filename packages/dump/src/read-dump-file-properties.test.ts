import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDumpFile } from './read-dump-file.ts';

let path: string;

beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'dump-properties-')), 'dump.txt');
});
afterAll(async () => {
  await rm(join(path, '..'), { recursive: true });
});

async function read(content: string | Uint8Array): Promise<readonly string[]> {
  await writeFile(path, content);
  return readDumpFile(path, { s3Bucket: 'photos-live', s3RootPrefix: 'photos/' }, new AbortController().signal);
}

describe('any subfolders', () => {
  const name = fc
    .string({ unit: 'binary', minLength: 0, maxLength: 40 })
    .filter((text) => text.isWellFormed() && !/[\n/]/.test(text) && text !== 'photos');

  it('are read back from a listing as they were, line breaks apart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1 }), async (names) => {
        expect(await read(names.map((each) => `${' '.repeat(27)}PRE ${each}/\n`).join(''))).toEqual(
          names.map((each) => `${each}/`),
        );
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('are read back from a list, whatever its line endings', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1 }), fc.constantFrom('\n', '\r\n'), async (names, end) => {
        // A name that begins the file as one of the other formats would is told by its format.
        const safe = ['first', ...names];
        expect(await read(safe.map((each) => `${each}/`).join(end))).toEqual(
          [...new Set(safe)].map((each) => `${each}/`),
        );
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('are read back from JSON, line breaks and all', async () => {
    const any = fc
      .string({ unit: 'binary', maxLength: 40 })
      .filter((text) => text.isWellFormed() && !text.includes('/'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(any), fc.constantFrom(0, 2), async (names, indent) => {
        const dirKeys = names.map((each) => `${each}/`);
        expect(await read(JSON.stringify(dirKeys, undefined, indent))).toEqual(dirKeys);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('are either read or refused for the format, whatever the file holds', async () => {
    const content = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 300 }));
    const property = fc.asyncProperty(content, async (bytesOrText) => {
      const outcome: unknown = await read(bytesOrText).catch((error: unknown) => error);
      return Array.isArray(outcome) || (outcome as { code?: unknown }).code === 'CONFIG_DUMP_FILE_FORMAT';
    });
    await expect(fc.assert(property, { seed: 1, numRuns: 200 })).resolves.toBeUndefined();
  });
});
