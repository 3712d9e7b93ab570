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
      { numRuns: 50 },
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
      { numRuns: 50 },
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
      { numRuns: 50 },
    );
  });
});

/** Pieces of which the three formats are made, in every order. */
const token = fc.constantFrom(
  `${' '.repeat(27)}PRE `,
  ' PRE ',
  '2024-02-03 04:05:06 ',
  '       1234 ',
  '   1.5 KiB ',
  'Total Objects: 7',
  'a/',
  'photos/',
  's3://photos-live/photos/',
  's3://photos-live/',
  's3://',
  '/',
  '[',
  ']',
  '"',
  '\\',
  '\\ud800',
  ',',
  '\n',
  '\r\n',
  '\r',
  '\uFEFF',
  '\0',
  'é',
  '{}',
  'null',
);

function isSubfolder(dirKey: string): boolean {
  return (dirKey === '' || dirKey.endsWith('/')) && dirKey.isWellFormed() && Buffer.byteLength(dirKey) <= 1024;
}

/** Each text of a list once, or `undefined`: not a list of texts. */
function jsonOf(text: string): readonly string[] | undefined {
  try {
    return [...new Set(JSON.parse(text) as string[])];
  } catch {
    return undefined;
  }
}

describe('whatever the file holds', () => {
  const text = fc.array(token, { maxLength: 30, size: 'max' }).map((tokens) => tokens.join(''));
  const list = fc.array(fc.string({ unit: 'binary', maxLength: 10 }).map((name) => `${name}/`));
  const halves = fc.array(fc.constantFrom('a/', '\ud800/', 'b\udc00/', ''), { minLength: 1, maxLength: 3 });
  const truncated = fc.tuple(
    fc.oneof(
      list.map((names) => JSON.stringify(names)),
      text,
    ),
    fc.nat(400),
  );
  const content = fc.oneof(
    text,
    halves.map((names) => JSON.stringify(names)),
    truncated.map(([whole, length]) => Buffer.from(whole).subarray(0, length)),
    fc.uint8Array({ maxLength: 300, size: 'max' }),
  );

  it('each subfolder is one, and lies within no other; or the file is refused', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (bytesOrText) => {
        const outcome: unknown = await read(bytesOrText).catch((error: unknown) => (error as { code?: unknown }).code);
        expect(Array.isArray(outcome) || outcome === 'CONFIG_DUMP_FILE_FORMAT').toBe(true);
        const dirKeys = (Array.isArray(outcome) ? outcome : []) as string[];
        expect(new Set(dirKeys).size).toBe(dirKeys.length);
        const isNested = (dirKey: string) =>
          dirKeys.some((outer) => outer !== '' && outer !== dirKey && dirKey.startsWith(outer));
        expect(dirKeys.filter((dirKey) => !isSubfolder(dirKey) || isNested(dirKey))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('a JSON list says what JSON.parse says, or is refused', async () => {
    const json = fc
      .array(fc.constantFrom('[', ']', ',', ' ', '\n', '"', '\\"', '\\u00e9', '\\/', '\\x', '/"', 'a', '"a/",'), {
        maxLength: 20,
        size: 'max',
      })
      .map((tokens) => `[${tokens.join('')}`)
      // Such a line would be a name.
      .filter((written) => !/^[^\n]*\/(?:\n|$)/.test(written));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          json,
          list.map((names) => JSON.stringify(names)),
        ),
        async (written) => {
          const names = await read(written).catch(() => undefined);
          expect(names ?? jsonOf(written)).toEqual(jsonOf(written));
        },
      ),
      { numRuns: 300 },
    );
  });
});
