import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileSettings } from './file-settings.ts';
import { loadSettings } from './load-settings.ts';
import { DUMP } from './modules.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-settings-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function settingsFile(name: string, text: string): Promise<FileSettings> {
  const path = join(directory, name);
  await writeFile(path, text);
  return new FileSettings(path);
}

describe('FileSettings', () => {
  it('reads YAML', async () => {
    const file = await settingsFile(
      'a.yaml',
      's3_bucket: b\ninclude:\n  - "*.jpg"\nlast_modified_before: 2024-01-31\n',
    );
    expect(await file.readSettings()).toEqual({
      s3_bucket: 'b',
      include: ['*.jpg'],
      last_modified_before: '2024-01-31',
    });
  });

  it('reads JSON, also where it is indented by tabs', async () => {
    const file = await settingsFile(
      'a.json',
      '{\n\t"s3_bucket": "b",\n\t"replace_key_parts": {\n\t\t"a": "b"\n\t}\n}\n',
    );
    expect(await file.readSettings()).toEqual({ s3_bucket: 'b', replace_key_parts: { a: 'b' } });
  });

  it('reads an empty file as no settings', async () => {
    expect(await (await settingsFile('empty.yaml', '# nothing yet\n')).readSettings()).toEqual({});
  });

  it.each([
    ['a value that is cut off', 'a: 1\nb: [1\nc: 2\n', /line 3: Flow sequence/],
    ['a field given twice', 'a: 1\na: 2\n', /line 2: Map keys must be unique/],
    ['a list', '- a\n', /not a map/],
    ['two documents', 'a: 1\n---\nb: 1\n', /line 2: Source contains multiple documents/],
    ['an alias of nothing', 'a: *b\n', /alias/i],
  ])('refuses %s, naming file and line', async (_, text, reason) => {
    const file = await settingsFile('wrong.yaml', text);
    await expect(file.readSettings()).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringMatching(reason) as unknown,
    });
    await expect(file.readSettings()).rejects.toThrow('wrong.yaml');
  });

  it('refuses a file that is not there', async () => {
    await expect(new FileSettings(join(directory, 'none.yaml')).readSettings()).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining('none.yaml') as unknown,
    });
  });

  it('tells on which line a wrong field stands', async () => {
    const file = await settingsFile('located.yaml', '# settings\n\ns3_bucket: x\nlog_level: loud\n');
    await expect(loadSettings(DUMP, 'embedded', [file])).rejects.toThrow(
      /s3_bucket \(\S+located\.yaml line 3\)[^]*log_level \(\S+located\.yaml line 4\)/,
    );
  });
});
