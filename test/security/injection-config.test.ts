import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCredentials } from '@object-transfer/core/config/credentials';
import { FileSettings } from '@object-transfer/core/config/file-settings';
import { FlagSettings } from '@object-transfer/core/config/flag-settings';
import { loadSettings } from '@object-transfer/core/config/load-settings';
import { WORKER_CDN_TRANSFER } from '@object-transfer/core/config/modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAYLOADS, PATH_PAYLOADS } from './payloads.ts';

const PLAIN: Readonly<Record<string, string>> = {
  s3_bucket: 'photos-live',
  gcs_bucket: 'photos-copy',
  cloudfront_url_host_pre: 'https://d111111abcdef8.cloudfront.net/',
  mysql_table: 'transfer.state_1',
  gcp_project: 'example-project',
  pubsub_subscription_id: 'objects-sub',
  error_pubsub_topic_id: 'objects-errors',
  credentials_secret_id: 'credentials',
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'injection-config-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function readFileOf(text: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(directory, 'settings.yaml');
  await writeFile(file, text);
  return new FileSettings(file).readSettings();
}

describe('settings that end up in SQL, in URLs or in arguments', () => {
  it.each(Object.keys(PLAIN).filter((name) => name !== 'credentials_secret_id'))(
    'refuse everything in %s that means something there',
    async (name) => {
      const plain = PLAIN[name] ?? '';
      const odd = ['a\0b', 'a\nb', 'a b', 'a`b', "a'b", 'a;b', 'a$(b)', '-a b'];
      const taken: string[] = [];
      const told: string[] = [];
      for (const value of [...PAYLOADS, ...PATH_PAYLOADS, ...odd, plain]) {
        const flags = new FlagSettings({ ...PLAIN, [name]: value });
        await loadSettings(WORKER_CDN_TRANSFER, 'fleet', [flags]).then(
          () => taken.push(value),
          (error: unknown) => told.push((error as Error).message),
        );
      }
      for (const problem of told) expect(problem).toMatch(new RegExp(`^One setting is wrong .*:\n  ${name} \\(`));
      // And what is a name like any other.
      expect(taken.filter((value) => !/^\w+$/.test(value) || value === plain)).toEqual([plain]);
    },
  );
});

/** Nine of the one before, nine times over: 3.5 billion texts. */
function billionLaughs(): string {
  const lines = ['a: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]'];
  for (let level = 1; level < 10; level++) {
    lines.push(`b${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(',')}]`);
  }
  return lines.join('\n');
}

describe('a configuration file', () => {
  it.each([
    ['multiplies by its aliases', billionLaughs()],
    ['is nested without end', `a: ${'['.repeat(10_000)}`],
    ['is nested, and does end', `a: ${'{a: '.repeat(5_000)}1${'}'.repeat(5_000)}`],
  ])('is refused, and not worked through, where it %s', async (_, text) => {
    await expect(readFileOf(text)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  });

  it('cannot make code run or objects of other kinds by its tags', async () => {
    const tagged = [
      'a: !!js/function "function () { globalThis.injected = true }"',
      'b: !!python/object/apply:os.system ["touch canary"]',
      'c: !!js/regexp /x/',
      'd: !<tag:yaml.org,2002:js/undefined> ""',
    ];
    expect(await readFileOf(tagged.join('\n'))).toEqual({
      a: 'function () { globalThis.injected = true }',
      b: ['touch canary'],
      c: '/x/',
      d: '',
    });
  });

  it('cannot change other objects by names that all objects have, and is refused for them', async () => {
    const text = '__proto__: {s3_bucket: stolen, polluted: 1}\nconstructor: {prototype: {polluted: 1}}\n';
    const settings = await readFileOf(text);
    expect(Object.keys(settings)).toEqual(['__proto__', 'constructor']);
    expect({}).not.toHaveProperty('polluted');
    await expect(
      loadSettings(WORKER_CDN_TRANSFER, 'embedded', [
        { description: 'file', unknownFields: 'error', readSettings: async () => settings },
        new FlagSettings(PLAIN),
      ]),
    ).rejects.toThrow(/__proto__ \(file\) is not a field[^]*constructor \(file\) is not a field/);
  });
});

it.each([
  ['is nested without end', '['.repeat(100_000)],
  ['is nested in Python', `{'a': ${'['.repeat(100_000)}`],
  ['brings a prototype', '{"__proto__": {"aws_key_id": "a", "aws_key_secret": "b"}, "mysql_config": "x"}'],
  ['calls a function', '{"aws_key_id": process.exit(), "aws_key_secret": "b"}'],
])('a secret that %s is refused without a word of it', async (_, text) => {
  const reading = readCredentials({ readSecret: async () => text }, 'the-secret');
  await expect(reading).rejects.toMatchObject({ code: 'CONFIG_SECRET_INVALID' });
  await expect(reading).rejects.not.toThrow(/\[\[|process|prototype/);
});
