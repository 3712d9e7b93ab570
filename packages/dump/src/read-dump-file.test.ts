import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ListRoot } from './parse-list-entry.ts';
import { readDumpFile } from './read-dump-file.ts';

const ROOT = { s3Bucket: 'photos-live', s3RootPrefix: 'photos/' };
const OBJECT = '2019-01-01 12:00:00       1234 cat.jpg';

let directory: string;
let files = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dump-file-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function read(content: string | Buffer, root: ListRoot = ROOT): Promise<readonly string[]> {
  const path = join(directory, `dump-${++files}.txt`);
  await writeFile(path, content);
  return readDumpFile(path, root, new AbortController().signal);
}

async function refusal(content: string | Buffer, root: ListRoot = ROOT): Promise<string> {
  const error = await read(content, root).then(
    (dirKeys) => new Error(`was read as ${JSON.stringify(dirKeys)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'CONFIG_DUMP_FILE_FORMAT' });
  expect((error as Error).message).toContain(`dump-${files}.txt`);
  return (error as Error).message;
}

/** As the AWS CLI writes it: `"PRE".rjust(30)`, a space, the name. */
function pre(name: string): string {
  return `${' '.repeat(27)}PRE ${name}/`;
}

describe('the output of aws s3 ls', () => {
  it('names subfolders to the last space', async () => {
    const names = [
      '2019',
      'with space',
      '  leading',
      'trailing ',
      'PRE x',
      `${' '.repeat(27)}PRE y`,
      'archive-1',
      'ü—字',
      '',
    ];
    expect(await read(`${names.map(pre).join('\n')}\n`)).toEqual(names.map((name) => `${name}/`));
  });

  it('may hold objects, sizes for humans and a summary', async () => {
    const lines = [
      pre('a'),
      OBJECT,
      '2019-01-01 12:00:00          0 ',
      '2019-01-01 12:00:00    1.2 KiB notes',
      '2019-01-01 12:00:00   10 Bytes notes',
      '2019-01-01 12:00:00 12345678901234 huge  name',
      '',
      'Total Objects: 5',
      '   Total Size: 12.3 TiB',
    ];
    expect(await read(lines.join('\n'))).toEqual(['a/']);
    expect(await read(`${OBJECT}\n`)).toEqual([]);
  });

  it('keeps a lone carriage return and Unicode line separators within a name', async () => {
    expect(await read(`${pre('a\rb')}\r\n${pre('c\u2028d\u0085e')}\r\n`)).toEqual(['a\rb/', 'c\u2028d\u0085e/']);
  });

  it.each([
    ['a line of something else', `${pre('a')}\nAn error occurred\n`, /line 2: "An error occurred" is not a line of/],
    ['a name with a line break', `${pre('a')}\n${pre('b\nc')}\n`, /line 2: "b" does not end in a slash/],
    ['one space too few', `${pre('a')}\n${pre('b').slice(1)}\n`, /line 2/],
    ['a recursive listing', `${OBJECT.replace('cat', 'a/cat')}\n`, /line 1: "a\/cat.jpg" .* without --recursive/],
    ['a listing of buckets', `${pre('a')}\n2019-01-01 12:00:00 my-bucket\n`, /line 2/],
  ])('is refused with %s', async (_, content, reason) => {
    expect(await refusal(content)).toMatch(reason);
  });

  it('is refused where it was made without the last slash, which lists the parent', async () => {
    expect(await refusal(`${pre('photos-private')}\n${pre('photos')}\n`)).toMatch(
      /line 2: .* list s3:\/\/photos-live\/photos\/ with the slash/,
    );
    expect(await read(`${pre('2019')}\n${pre('photos')}\n`)).toEqual(['2019/', 'photos/']);
    expect(await read(`${OBJECT}\n${pre('photos')}\n`)).toEqual(['photos/']);
    expect(await read('photos/\n')).toEqual(['photos/']);
  });
});

describe('a list of subfolders', () => {
  it('has one per line, blank lines apart', async () => {
    expect(await read('\uFEFF2019/\r\n\r\n  \n with space /\n[odd]/\n2019/\n#tag/\nPRE/')).toEqual([
      '2019/',
      ' with space /',
      '[odd]/',
      '#tag/',
      'PRE/',
    ]);
  });

  it('may begin with a bracket', async () => {
    expect(await read('[2019]/\nb/\n')).toEqual(['[2019]/', 'b/']);
  });

  it('may name full URLs, which are held against bucket and root', async () => {
    expect(await read('s3://photos-live/photos/2019/\ns3://photos-live/photos/\n')).toEqual(['2019/', '']);
    expect(await refusal('a/\ns3://other/photos/2019/\n')).toMatch(/line 2: .* not in the bucket photos-live/);
    expect(await refusal('s3://photos-live/videos/2019/\n')).toMatch(/line 1: .* not under the root "photos\/"/);
    expect(await read('s3://photos-live/2019/\n', { ...ROOT, s3RootPrefix: '' })).toEqual(['2019/']);
  });

  it('reads names without knowing the bucket, and refuses URLs then', async () => {
    const unknown = { s3Bucket: undefined, s3RootPrefix: '' };
    expect(await read(pre('2019'), unknown)).toEqual(['2019/']);
    expect(await refusal('s3://photos-live/photos/2019/\n', unknown)).toMatch(
      /line 1: .* give s3_bucket and s3_root_prefix/,
    );
  });

  it('is refused where an entry has no slash at its end', async () => {
    expect(await refusal('a/\n\nb\n')).toMatch(/line 3: "b" does not end in a slash/);
    expect(await refusal('a/\nb/ \n')).toMatch(/line 2/);
  });

  it('is refused where one subfolder lies within another', async () => {
    expect(await refusal('a/b/\nc/\na/\n')).toMatch(/line 1: "a\/b\/" lies within "a\/" of line 3/);
    expect(await read('a/b/\na/c/\nab/\n')).toEqual(['a/b/', 'a/c/', 'ab/']);
  });

  it('is refused where a subfolder is longer than any key', async () => {
    expect(await refusal(`${'ü'.repeat(510)}/\n`)).toMatch(/line 1: .* longer than 1024 bytes/);
  });

  it('is refused where it is not UTF-8, naming the line', async () => {
    expect(await refusal(Buffer.from('a/\nb/\ncaf\xe9/\nd/\n', 'latin1'))).toMatch(/line 3: the line is not UTF-8/);
    expect(await refusal(Buffer.from('\uFEFFa/\nb/\n', 'utf16le'))).toMatch(/UTF-16/);
    expect(await refusal(Buffer.from('caf\xe9/', 'latin1'))).toMatch(/line 1: the line is not UTF-8/);
  });

  it('is refused where it is no text at all', async () => {
    expect(await refusal(Buffer.alloc(300_000, 'x'))).toMatch(/line 1: the line is longer than any key/);
  });

  it('is refused where it is empty, as a failed listing leaves it', async () => {
    expect(await refusal('')).toMatch(/empty/);
    expect(await refusal('\n \n')).toMatch(/empty/);
  });

  it('may span many blocks of the file', async () => {
    const dirKeys = Array.from({ length: 60_000 }, (_, index) => `${'ü'.repeat(index % 7)}${index}/`);
    expect(await read(dirKeys.join('\r\n'))).toEqual(dirKeys);
  });
});

describe('a JSON array', () => {
  it('holds texts', async () => {
    expect(await read('[]')).toEqual([]);
    expect(await read(' [ ]\n')).toEqual([]);
    expect(await read('["a/", "b\\u00fc\\n/",\n\t"c \\"d\\"/", ""]\n')).toEqual(['a/', 'bü\n/', 'c "d"/', '']);
    expect(await read('\uFEFF["a/"]')).toEqual(['a/']);
  });

  it.each([
    ['a number', '["a/",\n1]', /line 2: expected a list of texts in JSON, found "1\]"/],
    ['no slash', '[\n"a/",\n"b"\n]', /line 3: "b" does not end in a slash/],
    ['a comma too many', '["a/",]', /line 1: .* found "\]"/],
    ['no end', '["a/",\n"b/"', /line 2: .* found "\\"b\/\\""/],
    ['only a beginning', '[\n', /line 2: .* found the end of the file/],
    ['a wrong escape', '["\\x/"]', /line 1/],
    ['half a character', '["\\ud800/"]', /line 1: .* is not Unicode text/],
    ['something behind it', '["a/"]\n[]', /line 2: expected the end, found "\[\]"/],
    ['a map in it', '[{"a": 1}]', /line 1/],
  ])('is refused with %s', async (_, content, reason) => {
    expect(await refusal(content)).toMatch(reason);
  });
});
