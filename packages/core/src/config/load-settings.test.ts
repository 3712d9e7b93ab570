import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import type { SettingsSource } from '../ports/settings-source.ts';
import { FlagSettings } from './flag-settings.ts';
import { loadSettings } from './load-settings.ts';
import { DUMP, PUBLISHER_OBJECTS, RUN, type ModuleFields } from './modules.ts';

const MINIMAL = {
  s3_bucket: 'photos-live',
  gcs_bucket: 'photos-copy',
  cloudfront_url_host_pre: 'https://d111111abcdef8.cloudfront.net/',
};

function source(description: string, settings: Record<string, unknown>): SettingsSource {
  return { description, unknownFields: 'error', readSettings: () => Promise.resolve(settings) };
}

async function refusal(module: ModuleFields, settings: Record<string, unknown>): Promise<string> {
  const error: unknown = await loadSettings(module, 'embedded', [source('config.yaml', settings)]).catch(
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConfigurationError)) throw new Error(`expected a refusal, got ${String(error)}`);
  expect(error.code).toBe('CONFIG_INVALID');
  return error.message;
}

async function load<M extends ModuleFields>(module: M, settings: Record<string, unknown>) {
  return loadSettings(module, 'embedded', [source('config.yaml', settings)]);
}

describe('loadSettings', () => {
  it('fills in the documented defaults of an embedded run', async () => {
    const { settings, warnings } = await load(RUN, MINIMAL);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      loggerName: 'object-transfer-tool',
      s3RootPrefix: '',
      gcsRootPrefix: '',
      storageClasses: [],
      include: [],
      exclude: [],
      maxMessagesPerBatch: 10,
      numSingleMessage: 50,
      numSingleMessageBytes: 1024 ** 3,
      numMessages: 1,
      replaceKeyParts: {},
      signedUrlExpireMs: 604_800_000,
      allowDirectS3: true,
      overwrite: 'if-different',
      forbiddenNames: 'fail',
      memoryBudgetBytes: 128 * 1024 ** 2,
      partSizeBytes: 64 * 1024 ** 2,
      parallelFromBytes: 1024 ** 3,
      maxAttempts: 6,
      leaseMs: 60_000,
      processes: 1,
      writeRamp: false,
      writeRampStartPerSecond: 1000,
      writeRampDoublingMs: 1_200_000,
      logLevel: 'info',
    });
    expect(settings.lastModifiedBefore).toBeUndefined();
    expect(settings.lastModifiedAfter).toBeUndefined();
    expect(settings.gcsStorageClass).toBeUndefined();
    expect(settings.maxBytesPerSecond).toBeUndefined();
  });

  it('takes the defaults of the reference tool in a fleet', async () => {
    const entity = {
      ...MINIMAL,
      gcp_project: 'p',
      mysql_table: 'state',
      credentials_secret_id: 'c',
      pubsub_topic_id: 'objects',
      pull_query: 'SELECT dir_key FROM state;',
    };
    const { settings, warnings } = await loadSettings(PUBLISHER_OBJECTS, 'fleet', [source('entity', entity)]);
    expect(settings).toMatchObject({ storageClasses: ['STANDARD'], numSingleMessage: 10, pubsubTopicId: 'objects' });
    expect(settings.pullQuery).toMatchObject({ sql: 'SELECT dir_key FROM state', placeholders: 0 });
    expect(warnings).toEqual([]);
  });

  it('demands the fields of the fleet only in a fleet', async () => {
    await expect(loadSettings(DUMP, 'fleet', [source('entity', MINIMAL)])).rejects.toThrow(/mysql_table is missing/);
    await expect(loadSettings(DUMP, 'embedded', [source('config.yaml', MINIMAL)])).resolves.toBeDefined();
  });

  it('reads the text that entities of the reference tool hold', async () => {
    const { settings } = await load(RUN, {
      ...MINIMAL,
      s3_root_prefix: 'photos',
      gcs_root_prefix: 'copy/photos/',
      num_messages: '3',
      allow_direct_s3: 'False',
      storage_class: 'standard, GLACIER_IR',
      replace_key_parts: '{"/raw/": "/"}',
      signed_url_expire_seconds: '3600',
      last_modified_before: 'latest',
      last_modified_after: '2021-03-04 05:06:07',
      gcs_storage_class: '{"STANDARD_IA": "nearline"}',
    });
    expect(settings).toMatchObject({
      s3RootPrefix: 'photos/',
      gcsRootPrefix: 'copy/photos/',
      numMessages: 3,
      allowDirectS3: false,
      storageClasses: ['STANDARD', 'GLACIER_IR'],
      replaceKeyParts: { '/raw/': '/' },
      signedUrlExpireMs: 3_600_000,
      lastModifiedAfter: new Date('2021-03-04T05:06:07Z'),
      gcsStorageClass: { STANDARD_IA: 'NEARLINE' },
    });
    expect(settings.lastModifiedBefore).toBeUndefined();
  });

  it('lets the command line win over the file, even where it empties a field', async () => {
    const { settings } = await loadSettings(RUN, 'embedded', [
      new FlagSettings({ s3_root_prefix: '', processes: '2', gcs_bucket: undefined }),
      source('config.yaml', { ...MINIMAL, s3_root_prefix: 'photos/', processes: 8 }),
    ]);
    expect(settings).toMatchObject({ s3RootPrefix: '', processes: 2, gcsBucket: 'photos-copy' });
  });

  it('counts an empty value as none', async () => {
    const { settings } = await load(RUN, { ...MINIMAL, url_signer_key_pair_id: '', processes: null });
    expect(settings.urlSignerKeyPairId).toBeUndefined();
    expect(settings.processes).toBe(1);
    expect(await refusal(RUN, { ...MINIMAL, gcs_bucket: '' })).toContain('gcs_bucket (config.yaml) is missing');
  });

  it('reports every wrong field at once, with name, problem and origin', async () => {
    const sources = [
      new FlagSettings({ processes: 'many' }),
      source('config.yaml', {
        s3_bucket: 's3://photos-live/2019',
        cloudfront_url_host_pre: 'd111111abcdef8.cloudfront.net',
        allow_direct_s3: 'maybe',
        storage_class: ['STANDARD', 'STANDRAD'],
        last_modified_before: '2024-02-30',
        overwrite: 'sometimes',
        part_size_mib: 64,
        parallel_from_mib: 32,
        url_signer_key_pair_id: 'K2JCJMDEHXQW5F',
      }),
    ];
    const error: unknown = await loadSettings(RUN, 'embedded', sources).catch((thrown: unknown) => thrown);
    const lines = (error as Error).message.split('\n');
    expect(lines[0]).toBe('10 settings are wrong (run):');
    expect(lines.slice(1)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/s3_bucket \(config.yaml\) must be the bare bucket name, without s3:\/\//),
        expect.stringMatching(/gcs_bucket is missing: GCS bucket to write/),
        expect.stringMatching(/cloudfront_url_host_pre \(config.yaml\) must be an absolute URL .* https:\/\/ in front/),
        expect.stringMatching(/processes \(--processes on the command line\) must be a whole number from 1 to 256/),
        expect.stringMatching(/allow_direct_s3 \(config.yaml\) must be true or false/),
        expect.stringMatching(/storage_class \(config.yaml\) must name S3 storage classes/),
        expect.stringMatching(/last_modified_before \(config.yaml\) must be a date and time like/),
        expect.stringMatching(/overwrite \(config.yaml\) must be one of if-different, always, never/),
        expect.stringMatching(/part_size_mib \(config.yaml\) must not be larger than parallel_from_mib/),
        expect.stringMatching(/url_signer_private_key_secret_id is missing, or url_signer_private_key_file/),
      ]),
    );
  });

  it('refuses a field that no module knows and says which one was meant', async () => {
    expect(await refusal(DUMP, { s3_bucket: 'photos-live', s3Bucket: 'x' })).toContain(
      's3Bucket (config.yaml) is not a field that this tool knows; did you mean s3_bucket?',
    );
    expect(await refusal(DUMP, { s3_bucket: 'photos-live', gcs_buket: 'x' })).toContain('did you mean gcs_bucket?');
    expect(await refusal(DUMP, { s3_bucket: 'photos-live', colour: 'x' })).toMatch(/colour .* tool knows$/m);
  });

  it('names the unknown fields of an entity, too, where another field is wrong: it may be that one, misspelled', async () => {
    const entity: SettingsSource = {
      ...source('entity', { ...MINIMAL, gcs_bucket: undefined, gcs_buckt: 'photos-copy', team: 'storage' }),
      unknownFields: 'warning',
    };
    await expect(loadSettings(RUN, 'embedded', [entity])).rejects.toThrow(
      new ConfigurationError(
        'CONFIG_INVALID',
        [
          'One setting is wrong (run):',
          '  gcs_bucket is missing: GCS bucket to write',
          'Also given, and passed by:',
          '  gcs_buckt (entity) is not a field that this tool knows; did you mean gcs_bucket?',
          '  team (entity) is not a field that this tool knows',
        ].join('\n'),
      ),
    );
  });

  it('passes by the fields of another module, right or wrong', async () => {
    const { settings, warnings } = await load(DUMP, { ...MINIMAL, gcs_bucket: 'NOT A BUCKET', num_messages: 'x' });
    expect(Object.keys(settings)).not.toContain('gcsBucket');
    expect(warnings).toEqual([]);
  });

  it('names in a warning what has no effect or is most likely not meant', async () => {
    const { settings, warnings } = await load(RUN, {
      ...MINIMAL,
      cloudfront_url_host_pre: 'https://cdn.example.com/live',
      s3_root_prefix: '/photos',
      include: ['/2019/**'],
      pubsub_topic_id: 'objects',
      pull_query: 'SELECT 1',
    });
    expect(settings.pubsubTopicId).toBeUndefined();
    expect(warnings).toHaveLength(5);
    expect(warnings).toEqual(
      expect.arrayContaining([
        'pubsub_topic_id (config.yaml) has no effect: only a fleet uses it',
        expect.stringMatching(/^cloudfront_url_host_pre .* does not end in a slash/),
        expect.stringMatching(/^s3_root_prefix .* begins with a slash/),
        expect.stringMatching(/^include .* "\/2019\/\*\*"/),
      ]),
    );
  });

  it('demands key and key id together, from one place, where URLs are signed', async () => {
    const file = { url_signer_private_key_file: 'key.pem' };
    const id = { url_signer_key_pair_id: 'K1' };
    await expect(load(RUN, { ...MINIMAL, ...file, ...id })).resolves.toBeDefined();
    await expect(load(RUN, { ...MINIMAL, ...id, cdn_auth: 'none' })).resolves.toBeDefined();
    expect(await refusal(RUN, { ...MINIMAL, ...file })).toContain('url_signer_key_pair_id is missing');
    expect(await refusal(RUN, { ...MINIMAL, cdn_auth: 'signed' })).toMatch(/^2 settings are wrong/);
    expect(await refusal(RUN, { ...MINIMAL, ...file, ...id, url_signer_private_key_secret_id: 'signer' })).toContain(
      'cannot be given together',
    );
    // A module that fetches nothing does not care.
    await expect(load(DUMP, { ...MINIMAL, ...file })).resolves.toBeDefined();
  });

  it('refuses limits that contradict each other, and lets a default give way', async () => {
    expect(await refusal(RUN, { ...MINIMAL, initial_concurrency: 9, max_concurrency: 8 })).toContain(
      'must not be larger than max_concurrency',
    );
    await expect(load(RUN, { ...MINIMAL, max_concurrency: 8 })).resolves.toBeDefined();
    expect(
      await refusal(RUN, { ...MINIMAL, last_modified_after: '2024-01-02', last_modified_before: '2024-01-01' }),
    ).toContain('must be earlier than last_modified_before');
  });

  it('never repeats what may be a secret', async () => {
    const message = await refusal(RUN, {
      ...MINIMAL,
      cloudfront_url_host_pre: 'https://d1.cloudfront.net/?Signature=c2VjcmV0',
      url_signer_private_key_secret_id: '-----BEGIN PRIVATE KEY-----c2VjcmV0',
      url_signer_key_pair_id: 'K1',
    });
    expect(message).toMatch(/^2 settings are wrong/);
    expect(message).not.toContain('c2VjcmV0');
  });
});
