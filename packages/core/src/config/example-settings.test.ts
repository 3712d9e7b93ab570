import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCredentials } from './credentials.ts';
import { exampleSettings } from './example-settings.ts';
import type { Deployment } from './field.ts';
import { FIELDS } from './fields.ts';
import { FileSettings } from './file-settings.ts';
import { loadSettings } from './load-settings.ts';
import {
  DUMP,
  DUMP_FROM_FILE,
  fieldsRead,
  PUBLISHER_OBJECTS,
  PUBLISHER_RSYNC,
  PUBLISHER_SYNC_CHECK,
  RUN,
  WORKER_CDN_TRANSFER,
  WORKER_RSYNC,
  WORKER_SYNC_CHECK,
  type ModuleFields,
} from './modules.ts';
import { referenceQuery } from './reference-queries.ts';

const FLEET = [
  DUMP,
  DUMP_FROM_FILE,
  PUBLISHER_OBJECTS,
  PUBLISHER_SYNC_CHECK,
  PUBLISHER_RSYNC,
  WORKER_CDN_TRANSFER,
  WORKER_SYNC_CHECK,
  WORKER_RSYNC,
];
const CASES: readonly { readonly module: ModuleFields; readonly deployment: Deployment }[] = [
  ...FLEET.flatMap((module) => [
    { module, deployment: 'embedded' as const },
    { module, deployment: 'fleet' as const },
  ]),
  { module: RUN, deployment: 'embedded' },
];

/** What somebody puts in the place of a placeholder. */
const VALUES: Readonly<Record<string, string>> = {
  cloudfront_url_host_pre: 'https://d111111abcdef8.cloudfront.net/',
  gcs_storage_class: 'STANDARD',
  cdn_auth: 'signed',
  pull_query: referenceQuery('objectsPull', 'example1'),
  update_query: referenceQuery('objectsUpdate', 'example1'),
  insert_query: referenceQuery('insert', 'example1'),
  start_query: referenceQuery('syncCheckStart', 'example1'),
  end_query: referenceQuery('syncCheckEnd', 'example1'),
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'example-settings-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function load(module: ModuleFields, deployment: Deployment, text: string) {
  const file = join(directory, 'example.yaml');
  await writeFile(file, text);
  return loadSettings(module, deployment, [new FileSettings(file)]);
}

function fillIn(text: string): string {
  return text.replaceAll(/^(\w+): <.+>$/gm, (_, name: string) => `${name}: ${VALUES[name] ?? 'example1'}`);
}

describe.each(CASES)('the example of $module.name ($deployment)', ({ module, deployment }) => {
  const example = exampleSettings(module, deployment);

  it('loads once its placeholders are filled in', async () => {
    await expect(load(module, deployment, fillIn(example))).resolves.toMatchObject({ warnings: [] });
  });

  it('is refused for every placeholder that is left, by name', async () => {
    const left = [...example.matchAll(/^(\w+): <.+>$/gm)].map(([, name = '']) => name);
    const message = await load(module, deployment, example).then(
      () => '',
      (error: unknown) => String(error),
    );
    expect(left.filter((name) => !message.includes(`${name} (`))).toEqual([]);
    expect(message === '').toBe(left.length === 0);
  });

  it('loads with every optional field, and its defaults are those that hold', async () => {
    // A private key comes from one place.
    const all = fillIn(example.replaceAll(/^# (?!url_signer_private_key_file)(\w+: \S.*)$/gm, '$1'));
    const { settings, given, warnings } = await load(module, deployment, all);
    expect(warnings).toEqual([]);
    const names = [...fieldsRead(module)].map((key) => FIELDS[key].name);
    expect([...given.keys()].toSorted()).toEqual(
      names.filter((name) => name !== 'url_signer_private_key_file').toSorted(),
    );
    const withDefaults = await load(module, deployment, fillIn(example));
    const defaults = Object.entries(withDefaults.settings).filter(([, value]) => value !== undefined);
    expect(settings).toMatchObject(Object.fromEntries(defaults));
  });

  it('describes every field', () => {
    const running = example.replaceAll('\n# ', ' ').toLowerCase();
    for (const key of fieldsRead(module)) expect(running).toContain(FIELDS[key].description.toLowerCase());
  });
});

describe('the example of a secret', () => {
  it('can be read once its placeholders are filled in', async () => {
    const comment = exampleSettings(DUMP, 'fleet').replaceAll(/^# ?/gm, '');
    const payload = comment.slice(comment.indexOf('\n{')).replaceAll(/<(\w+)>/g, '$1');
    const { credentials, warnings } = await readCredentials({ readSecret: () => Promise.resolve(payload) }, 'example');
    expect(warnings).toEqual([]);
    expect(credentials).toEqual({
      mysql: { host: 'host', port: 3306, user: 'user', password: 'password', database: 'database', sslDisabled: false },
    });
  });
});
