import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSettings } from '@object-transfer/core/config/file-settings';
import { FlagSettings } from '@object-transfer/core/config/flag-settings';
import { describeSettingsSource, type SettingsSourceHarness } from './settings-source-suite.ts';

async function inFile(name: string, write: (settings: unknown) => string): Promise<SettingsSourceHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'settings-'));
  const file = join(directory, name);
  return {
    open: async (settings) => {
      await writeFile(file, write(settings));
      return new FileSettings(file);
    },
    close: () => rm(directory, { recursive: true }),
  };
}

/** One field a line, its value in the flow style that YAML shares with JSON. */
function blockYaml(settings: unknown): string {
  return Object.entries(settings as object)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('');
}

describeSettingsSource('the command line', () =>
  Promise.resolve({
    open: (settings) => Promise.resolve(new FlagSettings(settings)),
    close: () => Promise.resolve(),
  }),
);
describeSettingsSource('a YAML file', () => inFile('settings.yaml', blockYaml));
describeSettingsSource('a JSON file', () => inFile('settings.json', (settings) => JSON.stringify(settings)));
