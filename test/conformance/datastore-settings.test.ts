import { randomUUID } from 'node:crypto';
import { startDatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import { openDatastoreSettings } from '@object-transfer/core/config/datastore-settings';
import { afterAll, beforeAll, describe } from 'vitest';
import { openDatastore } from '../integration/config/google-clients.ts';
import { findEmulator, startEmulator } from '../services/google-emulator.ts';
import { describeSettingsSource, type SettingsSourceHarness } from './settings-source-suite.ts';

interface RunningDatastore {
  readonly host: string;
  close(): Promise<void>;
}

/** Entities are written by Google's client, each under a name of its own. */
function inDatastore(host: string): SettingsSourceHarness {
  const projectId = 'conformance';
  const { client, close } = openDatastore(host, projectId);
  const opened: { close(): Promise<void> }[] = [];
  return {
    open: async (settings) => {
      const name = randomUUID();
      await client.save({
        key: client.key(['Config', name]),
        data: settings,
        excludeFromIndexes: Object.keys(settings).flatMap((field) => [field, `${field}.*`, `${field}[].*`]),
      });
      const source = openDatastoreSettings({ projectId, configKey: `Config/${name}`, emulatorHost: host });
      opened.push(source);
      return source;
    },
    close: async () => {
      for (const source of opened) await source.close();
      close();
    },
  };
}

function describeDatastore(name: string, start: () => Promise<RunningDatastore>): void {
  let running: RunningDatastore;
  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running.close());
  describeSettingsSource(name, () => Promise.resolve(inDatastore(running.host)));
}

describe('over the local cloud', () => {
  describeDatastore('a Datastore entity', startDatastoreServer);
});

const { missing } = findEmulator('datastore');
describe.skipIf(missing !== undefined)(`over Google's emulator${missing === undefined ? '' : `: ${missing}`}`, () => {
  describeDatastore('a Datastore entity', () => startEmulator('datastore'));
});
