import { describe, expect, it } from 'vitest';
import type { SettingsSource } from '../ports/settings-source.ts';
import { FIELDS } from './fields.ts';
import { loadSettings } from './load-settings.ts';
import {
  DUMP,
  DUMP_FROM_FILE,
  fieldsRead,
  PREPARE,
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

const COMMON = {
  gcp_project: 'my-project',
  logger_name: 'object-transfer-tool',
  mysql_table: 'transfer_state',
  credentials_secret_id: 'transfer-credentials',
};
const SOURCE = {
  aws_region: 'eu-west-1',
  s3_bucket: 'photos-live',
  s3_root_prefix: 'photos',
  storage_class: 'STANDARD',
};
const TIMES = { last_modified_before: new Date('2024-01-31T18:00:00Z'), last_modified_after: 'initial' };
const PUBLISHER = {
  ...COMMON,
  ...SOURCE,
  ...TIMES,
  pubsub_topic_id: 'objects',
  max_messages_per_batch: 10,
  num_single_message: '10',
};
const WORKER = {
  ...COMMON,
  gcs_bucket: 'photos-copy',
  gcs_root_prefix: 'photos',
  ...SOURCE,
  cloudfront_url_host_pre: 'https://d111111abcdef8.cloudfront.net/',
  replace_key_parts: null,
  url_signer_private_key_secret_id: 'None',
  url_signer_key_pair_id: 'None',
  signed_url_expire_seconds: 604_800,
  ...TIMES,
  pubsub_subscription_id: 'objects-sub',
  num_messages: '1',
  error_pubsub_topic_id: 'projects/other-project/topics/errors',
};

/** The payloads that the reference tool documents, filled in. */
const PAYLOADS: readonly (readonly [ModuleFields, Readonly<Record<string, unknown>>])[] = [
  [DUMP_FROM_FILE, { ...COMMON, insert_query: referenceQuery('insert', 'transfer_state') }],
  [
    PUBLISHER_OBJECTS,
    {
      ...PUBLISHER,
      pull_query: referenceQuery('objectsPull', 'transfer_state'),
      update_query: referenceQuery('objectsUpdate', 'transfer_state'),
    },
  ],
  [
    PUBLISHER_SYNC_CHECK,
    {
      ...PUBLISHER,
      pull_query: referenceQuery('syncCheckPull', 'transfer_state'),
      update_query: referenceQuery('syncCheckUpdate', 'transfer_state'),
    },
  ],
  [
    PUBLISHER_RSYNC,
    {
      ...PUBLISHER,
      pull_query: referenceQuery('rsyncPull', 'transfer_state'),
      update_query: referenceQuery('rsyncUpdate', 'transfer_state'),
    },
  ],
  [WORKER_CDN_TRANSFER, WORKER],
  [
    WORKER_SYNC_CHECK,
    {
      ...WORKER,
      start_query: referenceQuery('syncCheckStart', 'transfer_state'),
      end_query: referenceQuery('syncCheckEnd', 'transfer_state'),
    },
  ],
  [
    WORKER_RSYNC,
    {
      ...WORKER,
      start_query: referenceQuery('rsyncStart', 'transfer_state'),
      end_query: referenceQuery('rsyncEnd', 'transfer_state'),
    },
  ],
];

function entity(settings: Readonly<Record<string, unknown>>): SettingsSource {
  return {
    description: 'Datastore entity config/it',
    unknownFields: 'warning',
    readSettings: () => Promise.resolve(settings),
  };
}

async function problems(module: ModuleFields, settings: Readonly<Record<string, unknown>>): Promise<string> {
  const error: unknown = await loadSettings(module, 'embedded', [entity(settings)]).catch((thrown: unknown) => thrown);
  return error instanceof Error ? error.message : '';
}

describe('the modules', () => {
  it.each(PAYLOADS.map(([module, payload]) => ({ module, payload })))(
    'take the payload of the reference tool for $module.name',
    async ({ module, payload }) => {
      const { warnings } = await loadSettings(module, 'fleet', [entity(payload)]);
      expect(warnings).toEqual([]);
      for (const key of module.fleetRequired) {
        const { [FIELDS[key].name]: _, ...rest } = payload;
        await expect(loadSettings(module, 'fleet', [entity(rest)])).rejects.toThrow(`${FIELDS[key].name} is missing`);
      }
    },
  );

  it('take the defaults that the reference tool documents', async () => {
    const { logger_name: _1, signed_url_expire_seconds: _2, num_messages: _3, s3_root_prefix: _4, ...rest } = WORKER;
    const { settings } = await loadSettings(WORKER_RSYNC, 'fleet', [
      entity({ ...rest, storage_class: '', last_modified_before: null }),
    ]);
    expect(settings).toMatchObject({
      loggerName: 'object-transfer-tool',
      signedUrlExpireMs: 604_800_000,
      numMessages: 1,
      s3RootPrefix: '',
      storageClasses: ['STANDARD'],
      replaceKeyParts: {},
    });
    expect(settings.urlSignerKeyPairId).toBeUndefined();
    expect(settings.urlSignerPrivateKeySecretId).toBeUndefined();
    expect(settings.lastModifiedBefore).toBeUndefined();
    expect(settings.lastModifiedAfter).toBeUndefined();
  });

  it.each([[{ '/raw/': '/' }], ['{"/raw/": "/"}'], ["{'/raw/': '/',}"]])('read replace_key_parts %j', async (parts) => {
    const { settings } = await loadSettings(WORKER_CDN_TRANSFER, 'fleet', [
      entity({ ...WORKER, replace_key_parts: parts }),
    ]);
    expect(settings.replaceKeyParts).toEqual({ '/raw/': '/' });
  });

  it('demand the bucket of a dump only where there is no dump file', async () => {
    expect(await problems(DUMP, {})).toContain('s3_bucket is missing: S3 bucket to read');
    expect(await problems(DUMP_FROM_FILE, {})).toBe('');
    expect(await problems(PREPARE, {})).toBe('');
  });

  it.each<[string, ModuleFields, Readonly<Record<string, unknown>>, string]>([
    ['credentials with MySQL', DUMP, { mysql_table: 't' }, 'credentials_secret_id is missing: mysql_table is given'],
    [
      'a project with Pub/Sub',
      PUBLISHER_OBJECTS,
      { pubsub_topic_id: 'objects' },
      'gcp_project is missing: pubsub_topic_id is given',
    ],
    [
      'an error topic with a subscription',
      WORKER_SYNC_CHECK,
      { pubsub_subscription_id: 'objects-sub', gcp_project: 'p' },
      'error_pubsub_topic_id is missing: pubsub_subscription_id is given',
    ],
    [
      'a subscription with an error topic',
      WORKER_SYNC_CHECK,
      { error_pubsub_topic_id: 'errors', gcp_project: 'p' },
      'pubsub_subscription_id is missing: error_pubsub_topic_id is given',
    ],
  ])('demand %s', async (_what, module, settings, problem) => {
    const message = await problems(module, { s3_bucket: 'photos', gcs_bucket: 'photos', ...settings });
    expect(message).toMatch(/^One setting is wrong/);
    expect(message).toContain(problem);
  });

  it('tell once of a field that is missing for two reasons', async () => {
    const { gcp_project: _, ...rest } = WORKER;
    await expect(loadSettings(WORKER_CDN_TRANSFER, 'fleet', [entity(rest)])).rejects.toThrow(/^One setting is wrong/);
  });

  it('name in a warning statements that no MySQL is there for', async () => {
    const settings = { s3_bucket: 'photos', insert_query: 'INSERT INTO t (dir_key) VALUES (%s)' };
    expect((await loadSettings(DUMP, 'embedded', [entity(settings)])).warnings).toEqual([
      expect.stringMatching(/^insert_query .* has no effect: only a state in MySQL/),
    ]);
  });

  it.each([
    ['state', 'SELECT dir_key FROM state WHERE initial_transfer', []],
    ['state', 'SELECT s.dir_key FROM db.`state` AS s', []],
    ['db.state', 'SELECT dir_key FROM state', []],
    ['state', 'SELECT dir_key FROM state_2', ['state']],
    ['state', "SELECT dir_key FROM MYSQL_TABLE WHERE dir_key <> 'state' -- state", ['state']],
    ['db.state', 'SELECT dir_key FROM db', ['db.state']],
  ])('name in a warning a statement that does not name the table %s: %s', async (table, query, tables) => {
    const { warnings } = await loadSettings(PUBLISHER_OBJECTS, 'fleet', [
      entity({ ...COMMON, s3_bucket: 'photos', pubsub_topic_id: 'objects', mysql_table: table, pull_query: query }),
    ]);
    expect(warnings).toEqual(
      tables.map(
        (named) =>
          `pull_query (Datastore entity config/it) does not name the table of mysql_table, ${named}: is it meant for another?`,
      ),
    );
  });

  it('name in a warning the fields of an entity that nobody knows', async () => {
    const { warnings } = await loadSettings(DUMP_FROM_FILE, 'fleet', [entity({ ...COMMON, loger_name: 'x' })]);
    expect(warnings).toEqual([
      'loger_name (Datastore entity config/it) is not a field that this tool knows; did you mean logger_name?',
    ]);
  });

  it('refuse a placeholder of an example that nobody has filled in', async () => {
    expect(await problems(DUMP, { s3_bucket: 'photos', state: '<file>' })).toContain(
      'state (Datastore entity config/it) still says <file>',
    );
  });

  it.each([
    ['update_query', 'UPDATE t SET a = 1', 'must have one %s, for dir_key; it has 0'],
    ['update_query', "UPDATE t SET a = 1 WHERE dir_key = '%s'", 'within quotes %s is text'],
    ['pull_query', 'SELECT dir_key FROM t WHERE a = %s', 'must have no %s'],
    ['pull_query', 'UPDATE t SET dir_key = 1', 'must be a SELECT'],
    ['pull_query', 'SELECT dirkey FROM t', 'must select a column dir_key'],
    ['pull_query', 'SELECT dir_key FROM t; DELETE FROM t', 'must be one statement'],
  ])('refuse %s: %s', async (name, sql, problem) => {
    expect(await problems(PUBLISHER_OBJECTS, { s3_bucket: 'photos', [name]: sql })).toContain(problem);
  });

  it('say which values are bound, in which order', async () => {
    const settings = { s3_bucket: 'photos', gcs_bucket: 'photos', start_query: 'UPDATE t', end_query: 'UPDATE t' };
    const message = await problems(WORKER_SYNC_CHECK, settings);
    expect(message).toContain('must have 2 %s, for time and dir_key, in this order');
    expect(message).toContain('must have 5 %s, for s3_size, gcs_size, time, error and dir_key, in this order');
  });

  it('read no field twice', () => {
    for (const module of [...PAYLOADS.map(([payloadOf]) => payloadOf), DUMP, PREPARE, RUN]) {
      const all = [...module.required, ...module.defaulted, ...module.optional, ...module.withoutEffect];
      expect(new Set(all).size).toBe(all.length);
      expect(module.fleetRequired.filter((key) => !fieldsRead(module).has(key))).toEqual([]);
    }
  });
});
