import { status } from '@grpc/grpc-js';
import { startDatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectExitCode, type RunningCommand } from './command.ts';
import { CLOSED, dumpOf, naming, refusalOf, refused, startRefused, type Refusal } from './fleet-refusal.ts';
import { configuredBy, Fleet, PROJECT } from './fleet.ts';
import { ENTITIES, putReferenceConfiguration } from './reference-configuration.ts';

/** What is refused changes nothing, so all of it shares a fleet that nobody has prepared yet. */
let fleet: Fleet;
/** Takes its time, and the processor's none. */
let unreachable: { readonly datastore: RunningCommand; readonly secretManager: RunningCommand };
const cleanup = new AsyncDisposableStack();

beforeAll(async () => {
  fleet = cleanup.use(await Fleet.start());
  putReferenceConfiguration(fleet);
  const dump = await dumpOf(fleet, ENTITIES.dump);
  const startWith = (environment: Refusal['environment'] & object): RunningCommand =>
    cleanup.use(startRefused(fleet, dump, { environment }));
  unreachable = {
    datastore: startWith({ DATASTORE_EMULATOR_HOST: CLOSED }),
    secretManager: startWith({ SECRET_MANAGER_EMULATOR_HOST: CLOSED }),
  };
});
afterAll(() => cleanup.disposeAsync());

describe('an entity that cannot be read is named', () => {
  it('where there is none of this name, with those that there are', async () => {
    const others = Object.values(ENTITIES).join(', ');
    expect(await refused(fleet, await dumpOf(fleet, 'Dmp'))).toMatch(
      naming([
        `no Datastore entity of the kind ObjectTransfer named Dmp in the project ${PROJECT}`,
        `the kind ObjectTransfer has ${others}`,
      ]),
    );
  });

  it('where the key is malformed', async () => {
    const args = ['publisher', 'objects', '--gcp_project', PROJECT, '--config_key', 'PublisherObjects'];
    expect(await refused(fleet, args)).toMatch(naming(['--config-key must be KIND/NAME', '"PublisherObjects"']));
  });

  it('where nobody says in which project', async () => {
    const args = ['worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker).slice(2)];
    expect(await refused(fleet, args)).toMatch(naming(['--config-key needs --gcp-project, or GOOGLE_CLOUD_PROJECT']));
  });

  it('where Datastore denies it', async () => {
    const datastore = await startDatastoreServer();
    try {
      const denied = { code: status.PERMISSION_DENIED, details: 'Missing or insufficient permissions.' };
      datastore.faults.refuse('Lookup', denied);
      expect(
        await refused(fleet, await dumpOf(fleet, ENTITIES.dump), {
          environment: { DATASTORE_EMULATOR_HOST: datastore.host },
        }),
      ).toMatch(naming([`Datastore in the project ${PROJECT}`, `ObjectTransfer/${ENTITIES.dump}`, denied.details]));
    } finally {
      await datastore.close();
    }
  });
});

describe('fields of an entity', () => {
  it('are named, all that are wrong at once', async () => {
    fleet.putEntity('Wrong', {
      gcp_project: PROJECT,
      mysql_table: 'state; DROP TABLE state',
      s3_bucket: 's3://source',
      storage_class: 'STANDRD',
      pubsub_topic_id: '1st topic',
      max_messages_per_batch: 'many',
      pull_query: 'SELECT dir_key FROM state WHERE dir_key > %s',
      update_query: 'UPDATE state SET cdn_transfer_published = TRUE',
      last_modified_after: 'yesterday',
    });
    const from = '(Datastore entity ObjectTransfer/Wrong)';
    expect(await refused(fleet, ['publisher', 'objects', ...configuredBy('Wrong')])).toMatch(
      naming([
        '9 settings are wrong (publisher objects)',
        `mysql_table ${from} must be a table name`,
        `s3_bucket ${from} must be the bare bucket name`,
        `storage_class ${from}`,
        `pubsub_topic_id ${from} must be the id of a topic`,
        `max_messages_per_batch ${from} must be a whole number from 1 to 1000`,
        `pull_query ${from} must have no %s`,
        `update_query ${from} must have one %s, for dir_key; it has 0`,
        `last_modified_after ${from}`,
        'credentials_secret_id is missing',
      ]),
    );
  });

  it('that are statements have as many %s as values are bound', async () => {
    const insert = 'INSERT INTO state (dir_key, s3_size) VALUES (%s, %s)';
    fleet.putEntity('WrongInsert', {
      mysql_table: fleet.table,
      insert_query: insert,
      credentials_secret_id: 'object-transfer-dump',
    });
    expect(await refused(fleet, await dumpOf(fleet, 'WrongInsert'))).toMatch(
      naming(['insert_query', 'must have one %s', 'it has 2']),
    );
  });

  it('that nobody knows are told, and work goes on', async () => {
    fleet.putEntity('Unknown', {
      mysql_table: `${fleet.table}_unknown`,
      logger_nam: 'x',
      credentials_secret_id: 'object-transfer-dump',
    });
    const result = await fleet.command('prepare', ...configuredBy('Unknown'));
    expectExitCode(result, 0);
    expect(result.stdout).toContain(`${fleet.table}_unknown`);
    expect(JSON.parse(result.stderr)).toMatchObject({
      severity: 'WARNING',
      message: expect.stringMatching(/^logger_nam .*ObjectTransfer\/Unknown.*did you mean logger_name\?$/) as string,
    });
  });
});

it('a dump file that is not there is named', async () => {
  const args = ['dump', ...configuredBy(ENTITIES.dump), '--dump_file', 'no-such-dump.txt'];
  expect(await refused(fleet, args)).toMatch(naming(['no-such-dump.txt', 'no such file']));
});

describe('prepare --topics says which fields it misses', () => {
  it.each([
    { entity: ENTITIES.dump, missing: 'pubsub_topic_id and pubsub_subscription_id' },
    { entity: ENTITIES.publisher, missing: 'pubsub_subscription_id' },
    { entity: ENTITIES.worker, missing: 'pubsub_topic_id' },
  ])('of $entity alone', async ({ entity, missing }) => {
    const args = ['prepare', '--topics', ...configuredBy(entity)];
    expect(await refused(fleet, args)).toMatch(naming([`--topics needs ${missing}: give several --config-key`]));
  });
});

describe('a service that nobody serves: could not run, exit code 3, with host, tries and time', () => {
  it('Datastore', async () => {
    const result = await unreachable.datastore.ended;
    expect(refusalOf(result, { exitCode: 3 })).toMatch(
      naming([`Datastore entity ObjectTransfer/${ENTITIES.dump}`, CLOSED]),
    );
    expect(result.stderr).toMatch(/after \d+ tries in [0-3]?\d\.\d s/);
  });

  it('Secret Manager', async () => {
    const result = await unreachable.secretManager.ended;
    expect(refusalOf(result, { exitCode: 3 })).toMatch(naming(['object-transfer-dump', `Secret Manager at ${CLOSED}`]));
    expect(result.stderr).toMatch(/after \d+ tries in [0-3]?\d\.\d s/);
  });
});
