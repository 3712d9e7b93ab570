import { Datastore } from '@google-cloud/datastore';
import { status } from '@grpc/grpc-js';
import type { Patience } from '@object-transfer/core/config/call-google-service';
import { openDatastoreSettings } from '@object-transfer/core/config/datastore-settings';
import { startDatastoreServer, type DatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openDatastore, type OpenDatastore } from './google-clients.ts';
import { REFERENCE_ENTITIES } from './reference-entities.ts';
import { startSilentServer } from './silent-server.ts';

const PROJECT = 'migration-project';
const IMPATIENT: Patience = {
  attemptTimeoutMs: 200,
  totalTimeoutMs: 2_000,
  retries: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 2 },
};

let server: DatastoreServer;
let datastore: OpenDatastore;

beforeAll(async () => {
  server = await startDatastoreServer();
  datastore = openDatastore(server.host, PROJECT);
});
afterEach(() => server.faults.allow());
afterAll(async () => {
  datastore.close();
  await server.close();
});

async function read(configKey: string, emulatorHost = server.host, projectId = PROJECT): Promise<unknown> {
  const settings = openDatastoreSettings({ projectId, configKey, emulatorHost, patience: IMPATIENT });
  try {
    return await settings.readSettings();
  } finally {
    await settings.close();
  }
}

function failure(code: string, message: RegExp): object {
  return expect.objectContaining({ code, message: expect.stringMatching(message) as unknown }) as object;
}

describe('settings from Datastore', () => {
  it.each(Object.entries(REFERENCE_ENTITIES))('reads the entity of the reference tool for %s', async (name, entity) => {
    await datastore.client.save({ key: datastore.client.key(['CONFIG', name]), data: entity });
    expect(await read(`CONFIG/${name}`)).toEqual(entity);
  });

  it('reads every kind of value that a setting can be', async () => {
    const at = new Date('2024-01-31T18:00:00.250Z');
    const data = {
      text: 'a',
      integer: Datastore.int('9007199254740991'),
      double: Datastore.double(3),
      flag: false,
      nothing: null,
      at,
      before1970: new Date(-1500),
      map: { 'a/': { b: [at] } },
    };
    await datastore.client.save({ key: datastore.client.key(['CONFIG', 'values']), data });
    expect(await read('CONFIG/values')).toEqual({ ...data, integer: Number.MAX_SAFE_INTEGER, double: 3 });
  });

  it.each([
    ['an integer that would not stay exact', Datastore.int('9007199254740993'), /9007199254740993.*beyond 2\^53/],
    ['a key', new Datastore().key(['A', 'b']), /holds a key/],
    ['bytes', Buffer.from('x'), /holds bytes/],
    ['a place', Datastore.geoPoint({ latitude: 1, longitude: 2 }), /holds a geographical point/],
  ])('refuses %s, naming the field', async (_what, value, message) => {
    await datastore.client.save({ key: datastore.client.key(['CONFIG', 'odd']), data: { limits: [{ rate: value }] } });
    await expect(read('CONFIG/odd')).rejects.toEqual(failure('CONFIG_INVALID', /limits\[0\]\.rate \(Datastore entity/));
    await expect(read('CONFIG/odd')).rejects.toEqual(failure('CONFIG_INVALID', message));
  });

  it('takes digits for a name first, and else for the number of an entity without one', async () => {
    const { client } = datastore;
    await client.save({ key: client.key(['CONFIG', Datastore.int('5629499534213120')]), data: { by: 'number' } });
    expect(await read('CONFIG/5629499534213120')).toEqual({ by: 'number' });
    await client.save({ key: client.key(['CONFIG', '5629499534213120']), data: { by: 'name' } });
    expect(await read('CONFIG/5629499534213120')).toEqual({ by: 'name' });
  });

  it.each(['CONFIG', 'CONFIG/', '/name', 'NAMESPACE/CONFIG/name', ''])('refuses %j as a config key', async (key) => {
    await expect(read(key)).rejects.toEqual(failure('CONFIG_INVALID', /--config-key must be KIND\/NAME/));
  });

  it('names project, kind and name of a missing entity, and what the kind has instead', async () => {
    for (const name of ['one', 'two']) server.putEntity('elsewhere', 'WORKER', name, {});
    await expect(read('WORKER/tow', server.host, 'elsewhere')).rejects.toEqual(
      failure('CONFIG_ENTITY_MISSING', /kind WORKER named tow in the project elsewhere: the kind WORKER has one, two$/),
    );
    await expect(read('Worker/one', server.host, 'elsewhere')).rejects.toEqual(
      failure('CONFIG_ENTITY_MISSING', /there is no entity of the kind Worker$/),
    );
  });

  it('names ten entities of a large kind', async () => {
    for (let index = 10; index < 25; index++) server.putEntity('large', 'WORKER', `w${index}`, {});
    await expect(read('WORKER/w1', server.host, 'large')).rejects.toThrow(/has w10, .*w19, …$/);
  });

  it('says that an entity is missing even where it may not list the others', async () => {
    server.faults.refuse('RunQuery', { code: status.PERMISSION_DENIED });
    await expect(read('WORKER/none')).rejects.toEqual(
      failure('CONFIG_ENTITY_MISSING', /named none in the project migration-project$/),
    );
  });

  it('says that the project has no database', async () => {
    const details = 'The project migration-project does not exist or it does not contain an active database.';
    server.faults.refuse('Lookup', { code: status.NOT_FOUND, details });
    await expect(read('CONFIG/dump')).rejects.toEqual(failure('CONFIG_ENTITY_MISSING', /does not contain an active/));
  });

  it.each([
    ['permission', status.PERMISSION_DENIED, 'Missing or insufficient permissions.'],
    ['valid credentials', status.UNAUTHENTICATED, 'Request had invalid authentication credentials.'],
    ['the API switched on', status.PERMISSION_DENIED, 'Cloud Datastore API has not been used in project 1 before.'],
  ])('asks once without %s, and names service and project', async (_what, code, details) => {
    server.faults.refuse('Lookup', { code, details });
    const before = server.stats().calls['Lookup'] ?? 0;
    const message = new RegExp(`no access to Datastore in the project ${PROJECT} .*CONFIG/dump.*${details}`);
    await expect(read('CONFIG/dump')).rejects.toEqual(failure('CONFIG_ACCESS_DENIED', message));
    expect(server.stats().calls['Lookup']).toBe(before + 1);
  });

  it.each([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.ABORTED, status.INTERNAL, status.RESOURCE_EXHAUSTED])(
    'gets over status %i',
    async (code) => {
      server.putEntity(PROJECT, 'CONFIG', 'patient', { a: 1 });
      server.faults.refuse('Lookup', { code, times: 2 });
      expect(await read('CONFIG/patient')).toEqual({ a: 1 });
    },
  );

  it('gives up after the tries that it was allowed, and says how many', async () => {
    server.faults.refuse('Lookup', { code: status.UNAVAILABLE, details: 'in maintenance' });
    const before = server.stats().calls['Lookup'] ?? 0;
    const message = new RegExp(
      `CONFIG/dump, after 3 tries in .* s: Datastore at ${server.host}: UNAVAILABLE: in maint`,
    );
    await expect(read('CONFIG/dump')).rejects.toEqual(failure('SERVICE_UNAVAILABLE', message));
    expect(server.stats().calls['Lookup']).toBe(before + 3);
  });

  it('does not repeat what Datastore refuses', async () => {
    server.faults.refuse('Lookup', { code: status.INVALID_ARGUMENT, details: 'no.' });
    await expect(read('CONFIG/dump')).rejects.toEqual(
      failure('SERVICE_REJECTED', /refused Lookup .*INVALID_ARGUMENT: no/),
    );
  });

  it('names the host where nobody listens', async () => {
    const gone = await startSilentServer();
    await gone.close();
    const message = new RegExp(`after 3 tries in .* s: Datastore at ${gone.host}: UNAVAILABLE.*ECONNREFUSED`);
    await expect(read('CONFIG/dump', gone.host)).rejects.toEqual(failure('SERVICE_UNAVAILABLE', message));
  });

  it('does not wait for ever for a host that does not answer', async () => {
    const silent = await startSilentServer();
    await expect(read('CONFIG/dump', silent.host)).rejects.toEqual(failure('SERVICE_UNAVAILABLE', /after [123] tr/));
    expect(silent.connections).toBeGreaterThan(0);
    await silent.close();
  });

  it('reads nothing any more once it is closed', async () => {
    server.putEntity(PROJECT, 'CONFIG', 'closed', {});
    const settings = openDatastoreSettings({
      projectId: PROJECT,
      configKey: 'CONFIG/closed',
      emulatorHost: server.host,
    });
    expect(await settings.readSettings()).toEqual({});
    await settings.close();
    await settings.close();
    await expect(settings.readSettings()).rejects.toEqual(failure('SERVICE_REJECTED', /already been closed/));
  });

  it('stops in the middle of a try when its time is over', async () => {
    const silent = await startSilentServer();
    const patience = { ...IMPATIENT, attemptTimeoutMs: 60_000, totalTimeoutMs: 100 };
    const options = { projectId: PROJECT, configKey: 'CONFIG/dump', emulatorHost: silent.host, patience };
    const settings = openDatastoreSettings(options);
    const message = new RegExp(`after 1 try in 0\\.\\d s: Datastore at ${silent.host}: no answer`);
    await expect(settings.readSettings()).rejects.toEqual(failure('SERVICE_UNAVAILABLE', message));
    await settings.close();
    await silent.close();
  });
});
