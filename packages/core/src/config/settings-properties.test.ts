import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import type { Field } from './field.ts';
import { FIELDS, type FieldKey } from './fields.ts';
import { FileSettings } from './file-settings.ts';
import { loadSettings } from './load-settings.ts';
import { DUMP, PUBLISHER_OBJECTS, RUN, WORKER_RSYNC, WORKER_SYNC_CHECK, type ModuleFields } from './modules.ts';

const KEYS = Object.keys(FIELDS) as FieldKey[];
const NAMES = KEYS.map((key) => FIELDS[key].name);

/** As a YAML alias to what it stands in makes it. */
const endless: unknown[] = [];
endless.push(endless);

/** What a flag, a file or an entity can give, likely and unlikely. */
const value = fc.oneof(
  fc.constantFrom<unknown>(
    endless,
    [],
    {},
    '',
    'None',
    'ALL',
    ['ALL'],
    'true',
    'auto',
    'none',
    '500MiB',
    '1e3',
    '0x10',
    '9'.repeat(400),
    '-0',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new Date(Number.NaN),
    new Date(0),
    '2024-02-30',
    '2024-01-31T18:00:00+23:59',
    'latest',
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    "{'__proto__': 'STANDARD'}",
    '[{"toString":1,"valueOf":1}]',
    JSON.parse('{"__proto__":{"polluted":1},"toString":1}'),
    '\ud800',
    ['\udfff'],
    { a: '\ud800' },
    '[['.repeat(500),
    'https://d111111abcdef8.cloudfront.net/',
    'SELECT dir_key FROM t WHERE x = %s',
    '%s %s %s %s %s',
  ),
  fc.string({ unit: 'binary', maxLength: 40, size: 'max' }),
  fc.json({ maxDepth: 3 }),
  fc.integer(),
  fc.double(),
  fc.integer().map(String),
  fc.tuple(fc.nat(3000), fc.constantFrom('KiB', 'GB', ' MiB/s', 'B', '')).map(([n, unit]) => `${n}${unit}`),
  fc.date().map((date) => (Number.isNaN(date.getTime()) ? 'never' : date.toISOString())),
  fc.anything({ withNullPrototype: true, withDate: true, maxDepth: 3 }),
);

/** @returns what of a parsed value the rest of the tool could not work with */
function flawsOf(parsed: unknown): readonly unknown[] {
  if (typeof parsed === 'number') return Number.isSafeInteger(parsed) && parsed >= 0 ? [] : [parsed];
  if (typeof parsed === 'string') return parsed.isWellFormed() ? [] : [parsed];
  if (parsed instanceof Date) return Number.isNaN(parsed.getTime()) ? [parsed] : [];
  if (typeof parsed !== 'object' || parsed === null) return [];
  // As the name of an entry, and not as a value, it would be lost.
  const lost = Object.keys(parsed).filter((name) => name === '__proto__');
  return [...lost, ...Object.entries(parsed).flat().flatMap(flawsOf)];
}

function expectNoPollution(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect('polluted' in {}).toBe(false);
}

describe('any value of a field', () => {
  it.each(KEYS)('%s is either read as something usable or refused with reasons', (key) => {
    const { schema } = FIELDS[key] as Field<unknown>;
    fc.assert(
      fc.property(value, (given) => {
        const parsed = schema.safeParse(given);
        const reasons = parsed.error?.issues.map(({ message }) => message) ?? [];
        expect(reasons.filter((reason) => !/^(?:must|cannot|has) ./.test(reason))).toEqual([]);
        expect([parsed.success === (reasons.length === 0), flawsOf(parsed.data)]).toEqual([true, []]);
        expectNoPollution();
      }),
      { numRuns: 150 },
    );
  });
});

/** With nothing else given, they are read. */
const ENOUGH = {
  s3_bucket: 'photos-live',
  gcs_bucket: 'photos-copy',
  cloudfront_url_host_pre: 'https://d111111abcdef8.cloudfront.net/',
  gcp_project: 'project-1',
  mysql_table: 'transfer',
  credentials_secret_id: 'credentials',
  pubsub_topic_id: 'objects',
  pubsub_subscription_id: 'objects-workers',
  error_pubsub_topic_id: 'errors',
};

/** The refusal's message, or `undefined` where the settings were read. Anything else that is thrown goes on. */
async function refusalOf(module: ModuleFields, given: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const source = {
    description: 'config.yaml',
    unknownFields: 'error' as const,
    readSettings: () => Promise.resolve({ ...ENOUGH, ...given }),
  };
  try {
    const { settings } = await loadSettings(module, 'fleet', [source]);
    expect(flawsOf(settings)).toEqual([]);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigurationError && error.code === 'CONFIG_INVALID') return error.message;
    throw error;
  }
}

describe('any settings', () => {
  const given = fc
    .array(
      fc.tuple(fc.oneof(fc.constantFrom(...NAMES), fc.constantFrom('__proto__', 'constructor', 's3_buket')), value),
      { maxLength: 5 },
    )
    .map((entries) => Object.fromEntries(entries) as Record<string, unknown>);
  const module = fc.constantFrom<ModuleFields>(DUMP, PUBLISHER_OBJECTS, WORKER_SYNC_CHECK, WORKER_RSYNC, RUN);

  it('are read, or refused by one message that names every wrong field at the beginning of a line', async () => {
    const known = new Set([...NAMES, '__proto__', 'constructor', 's3_buket']);
    await fc.assert(
      fc.asyncProperty(module, given, async (fields, settings) => {
        const message = await refusalOf(fields, settings);
        expectNoPollution();
        fc.pre(message !== undefined);
        const [first = '', ...lines] = message.split('\n');
        expect(first).toMatch(/^(?:One setting is wrong|\d+ settings are wrong) \(.+\):$/);
        expect(lines.length).toBeGreaterThan(0);
        expect(lines.filter((line) => !known.has(/^ {2}(\S+) /.exec(line)?.[1] ?? ''))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ['storage_class', '[{"toString":1,"valueOf":1}]'],
    ['storage_class', [Object.create(null)]],
    ['replace_key_parts', '{"__proto__":"x","a":"b"}'],
    ['replace_key_parts', { a: '\ud83d' }],
    ['gcs_storage_class', '{"__proto__":"STANDARD"}'],
    ['s3_root_prefix', 'photos\ud800/'],
    ['include', ['\udc00']],
  ])('with %s of %j are refused', async (name, wrong) => {
    expect(await refusalOf(WORKER_RSYNC, { [name]: wrong })).toContain(`  ${name} (config.yaml) must `);
  });
});

describe('any configuration file', () => {
  let path: string;
  beforeAll(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'settings-properties-')), 'config.yaml');
  });
  afterAll(async () => {
    await rm(join(path, '..'), { recursive: true });
  });

  async function outcome(content: string | Uint8Array): Promise<string> {
    await writeFile(path, content);
    try {
      return typeof (await new FileSettings(path).readSettings());
    } catch (error) {
      return error instanceof ConfigurationError ? error.code : String(error);
    }
  }

  it('is a map or unreadable', async () => {
    const yaml = fc
      .array(
        fc.constantFrom(
          'a',
          ': ',
          '- ',
          '[',
          ']',
          '{',
          '}',
          '&x ',
          '*x',
          '!!binary ',
          '!!set ',
          '"',
          "'",
          '\n',
          '  ',
          '#',
          '|',
          '>',
          '? ',
          '<<',
          ',',
          '---',
          '%TAG',
          '\t',
          '1',
          '~',
          '__proto__',
        ),
        { maxLength: 30, size: 'max' },
      )
      .map((tokens) => tokens.join(''));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 3, arbitrary: yaml }, { weight: 1, arbitrary: fc.uint8Array() }),
        async (content) => {
          expect(['object', 'CONFIG_UNREADABLE']).toContain(await outcome(content));
          expectNoPollution();
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    ['lists within lists', `a: ${'['.repeat(2000)}${']'.repeat(2000)}`],
    ['maps within maps', `a: ${'{a: '.repeat(2000)}${'}'.repeat(2000)}`],
  ])('is unreadable where it is %s, thousands deep', async (_, content) => {
    expect(await outcome(content)).toBe('CONFIG_UNREADABLE');
  });
});
