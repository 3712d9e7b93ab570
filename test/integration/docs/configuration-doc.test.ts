import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fieldFlag, type Field } from '@object-transfer/core/config/field';
import { FIELDS, type FieldKey } from '@object-transfer/core/config/fields';
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

/** First cell and whole line of every row of a table. */
const ROWS = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => ({ names: line.split('|')[1] ?? '', line }));

const rowOf = (name: string): string | undefined => ROWS.find(({ names }) => names.includes(`\`${name}\``))?.line;

describe('docs/configuration.md', () => {
  it.each(ENTRIES)('has a table row for %s', (_, { name }) => {
    expect(rowOf(name)).toBeDefined();
  });

  it.each(WITH_FLAG)('names the flag of $name', ({ name }) => {
    expect(rowOf(name)).toContain(`\`${fieldFlag(name)}\``);
  });

  it.each(DEFAULTS)('says that $name is $value where it is left out', ({ name, value }) => {
    expect(rowOf(name)).toContain(`| \`${value}\``);
  });

  it('names no field in its tables that the tool does not know', () => {
    const known = new Set(ENTRIES.map(([, { name }]) => name));
    const named = ROWS.flatMap(({ names }) => names.match(/(?<=`)[a-z][a-z0-9]*_[a-z0-9_]*(?=`)/g) ?? []);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('shows the example file as it is', () => {
    const settings = readFileSync(EXAMPLE, 'utf8').replaceAll(/^#.*\n/gm, '');
    expect(page).toContain(`\`\`\`yaml\n# docs/examples/migration.yaml\n${settings}\`\`\``);
  });

  it('shows an example file that every command accepts without a warning', async () => {
    for (const module of MODULES) {
      const { warnings } = await loadSettings(module, 'embedded', [new FileSettings(EXAMPLE)]);
      expect(warnings).toEqual([]);
    }
  });
});
