import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fieldFlag, type Field } from '@object-transfer/core/config/field';
import { FIELDS, type FieldKey } from '@object-transfer/core/config/fields';
import { readCredentials } from '@object-transfer/core/config/credentials';
import { CREDENTIALS_NAMES } from '@object-transfer/core/config/credentials-payload';
import { fieldsPassedBy } from '@object-transfer/core/config/effective-fields';
import { FileSettings } from '@object-transfer/core/config/file-settings';
import { loadSettings } from '@object-transfer/core/config/load-settings';
import {
  DUMP,
  fieldsRead,
  PUBLISHER_OBJECTS,
  PUBLISHER_RSYNC,
  PUBLISHER_SYNC_CHECK,
  RUN,
  WORKER_CDN_TRANSFER,
  WORKER_RSYNC,
  WORKER_SYNC_CHECK,
  type ModuleFields,
} from '@object-transfer/core/config/modules';
import { describe, expect, it } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/migration.yaml', import.meta.url));
const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

const MODULES = [
  DUMP,
  PUBLISHER_OBJECTS,
  PUBLISHER_SYNC_CHECK,
  PUBLISHER_RSYNC,
  WORKER_CDN_TRANSFER,
  WORKER_SYNC_CHECK,
  WORKER_RSYNC,
  RUN,
];
const FIELDS_WITH_FLAG = new Set<FieldKey>(MODULES.flatMap((module) => [...fieldsRead(module)]));
const ENTRIES = Object.entries(FIELDS) as [FieldKey, Field<unknown>][];

const WITH_FLAG = ENTRIES.filter(([key]) => FIELDS_WITH_FLAG.has(key)).map(([, field]) => field);
/** Of fields that have a default other than "nothing", as it is written in a file. */
const DEFAULTS = WITH_FLAG.map(({ name, defaults }) => ({ name, value: String(defaults.embedded ?? '') })).filter(
  ({ value }) => value !== '',
);

/** First and last cell and whole line of every row of a table. */
const ROWS = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => ({ names: line.split('|')[1] ?? '', readBy: line.split(' | ').at(-1) ?? '', line }));

const rowOf = (name: string): string | undefined => ROWS.find(({ names }) => names.includes(`\`${name}\``))?.line;

/** The modules that the last cell of a row names, the demanding ones in bold. */
function modulesOf(readBy: string, wanted: 'all' | 'bold'): readonly string[] {
  const labels = readBy.replace(/ \|$/, '').split(', ');
  const chosen = wanted === 'all' ? labels : labels.filter((label) => label.startsWith('**'));
  const names = chosen.flatMap((label) => {
    const bare = label.replaceAll('*', '');
    return MODULES.filter(({ name }) => bare === 'all' || name === bare || name.startsWith(`${bare} `));
  });
  return names.map(({ name }) => name).toSorted();
}

const namesOf = (modules: readonly ModuleFields[]): readonly string[] => modules.map(({ name }) => name).toSorted();

const EXAMPLE_ENTITIES: readonly (readonly [string, ModuleFields])[] = [
  ['dump', DUMP],
  ['publisher-objects', PUBLISHER_OBJECTS],
  ['publisher-sync-check', PUBLISHER_SYNC_CHECK],
  ['publisher-rsync', PUBLISHER_RSYNC],
  ['worker-cdn-transfer', WORKER_CDN_TRANSFER],
  ['worker-sync-check', WORKER_SYNC_CHECK],
  ['worker-rsync', WORKER_RSYNC],
];

describe('docs/configuration.md', () => {
  it.each(ENTRIES)('has a table row for %s', (_, { name }) => {
    expect(rowOf(name)).toBeDefined();
  });

  it.each(WITH_FLAG)('names the flag of $name', ({ name }) => {
    expect(rowOf(name)).toContain(`\`${fieldFlag(name)}\``);
  });

  it.each(ENTRIES)('says which commands read and demand %s', (key, { name }) => {
    const readBy = ROWS.find(({ names }) => names.includes(`\`${name}\``))?.readBy ?? '';
    expect(modulesOf(readBy, 'all')).toEqual(namesOf(MODULES.filter((module) => fieldsRead(module).has(key))));
    const required = MODULES.filter((module: ModuleFields) => module.required.includes(key));
    expect(modulesOf(readBy, 'bold')).toEqual(namesOf(required));
  });

  it.each(ENTRIES.filter(([, { defaults }]) => defaults.fleet !== defaults.embedded))(
    'says what %s is in a fleet where it is left out',
    (_, { name, defaults }) => {
      expect(rowOf(name)).toContain(`in a fleet \`${String(defaults.fleet)}\``);
    },
  );

  it.each(CREDENTIALS_NAMES)('describes %s of a credentials secret', (name) => {
    expect(ROWS.some(({ names }) => names.includes(`\`${name}\``))).toBe(true);
  });

  it.each(DEFAULTS)('says that $name is $value where it is left out', ({ name, value }) => {
    expect(rowOf(name)).toContain(`| \`${value}\``);
  });

  it('names no field in its tables that the tool does not know', () => {
    const known = new Set([...ENTRIES.map(([, { name }]) => name), ...CREDENTIALS_NAMES]);
    const named = ROWS.flatMap(({ names }) => names.match(/(?<=`)[a-z][a-z0-9]*_[a-z0-9_]*(?=`)/g) ?? []);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('shows the example file as it is', () => {
    const settings = readFileSync(EXAMPLE, 'utf8').replaceAll(/^#.*\n/gm, '');
    expect(page).toContain(`\`\`\`yaml\n# docs/examples/migration.yaml\n${settings}\`\`\``);
  });

  it.each(EXAMPLE_ENTITIES)(
    'links an example of the entity of %s that loads without a warning',
    async (name, module) => {
      expect(page).toContain(`(examples/entity-${name}.yaml)`);
      const file = fileURLToPath(new URL(`../../../docs/examples/entity-${name}.yaml`, import.meta.url));
      const { warnings, given } = await loadSettings(module, 'fleet', [new FileSettings(file)]);
      expect(warnings).toEqual([]);
      expect(fieldsPassedBy(module, given)).toEqual([]);
    },
  );

  it('shows a credentials secret that can be read', async () => {
    const [payload = ''] = /(?<=```json\n)\{\n {2}"aws_key_id[^`]*/.exec(page) ?? [];
    const { credentials, warnings } = await readCredentials({ readSecret: () => Promise.resolve(payload) }, 'example');
    expect(warnings).toEqual([]);
    expect(credentials.mysql).toBeDefined();
  });

  it('shows an example file that every command accepts without a warning', async () => {
    for (const module of MODULES) {
      const { warnings } = await loadSettings(module, 'embedded', [new FileSettings(EXAMPLE)]);
      expect(warnings).toEqual([]);
    }
  });
});
