import { describe, expect, it } from 'vitest';
import type { Field } from './field.ts';
import { FIELDS, type FieldKey } from './fields.ts';

function accepts(key: FieldKey, value: unknown): boolean {
  return (FIELDS[key] as Field<unknown>).schema.safeParse(value).success;
}

function read(key: FieldKey, value: unknown): unknown {
  return (FIELDS[key] as Field<unknown>).schema.parse(value);
}

describe('the fields', () => {
  it('have one name each, in snake case', () => {
    const names = Object.values(FIELDS).map((field) => field.name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
  });

  it('accept their own defaults', () => {
    const fields = Object.values(FIELDS) as Field<unknown>[];
    const refused = fields.filter((field) =>
      Object.values(field.defaults).some((value) => !field.schema.safeParse(value).success),
    );
    expect(refused).toEqual([]);
  });

  it.each([
    ['s3Bucket', 'my.bucket-1', true],
    ['s3Bucket', 'Old_Bucket', true],
    ['s3Bucket', 'ab', false],
    ['s3Bucket', 'bucket/photos', false],
    ['s3Bucket', 'arn:aws:s3:::bucket', false],
    ['s3Bucket', 12_345, false],
    ['gcsBucket', 'my_bucket.example.com', true],
    ['gcsBucket', 'Bucket', false],
    ['gcsBucket', 'gs://bucket', false],
    ['gcsBucket', '-bucket', false],
    ['gcsBucket', 'b'.repeat(64), false],
    ['s3RootPrefix', '', true],
    ['s3RootPrefix', 's3://bucket/photos', false],
    ['s3RootPrefix', 'x'.repeat(1024), false],
    ['gcsRootPrefix', 'a\nb/', false],
    ['gcsRootPrefix', '.well-known/acme-challenge/', false],
    ['cloudfrontUrlHostPre', 'http://127.0.0.1:8080', true],
    ['cloudfrontUrlHostPre', 'HTTPS://cdn.example.com/live/', true],
    ['cloudfrontUrlHostPre', 'ftp://cdn.example.com/', false],
    ['cloudfrontUrlHostPre', 'https:///photos', false],
    ['cloudfrontUrlHostPre', 'https://cdn.example.com/#x', false],
    ['cloudfrontUrlHostPre', 'https://user:pw@cdn.example.com/', false],
    ['cloudfrontUrlHostPre', 'https://cdn example.com/', false],
    ['storageClasses', [], false],
    ['storageClasses', 'ALL,STANDARD', false],
    ['gcsStorageClass', 'HOT', false],
    ['gcsStorageClass', { STANDARDISH: 'STANDARD' }, false],
    ['replaceKeyParts', { '': 'x' }, false],
    ['replaceKeyParts', '[1]', false],
    ['replaceKeyParts', { a: 1 }, false],
    ['numSingleMessage', 0, false],
    ['numSingleMessage', '1e3', false],
    ['numSingleMessage', 1.5, false],
    ['numSingleMessage', true, false],
    ['lastModifiedBefore', 'initial', false],
    ['lastModifiedBefore', 1_700_000_000, false],
    ['include', [''], false],
    ['mysqlTable', 'state; DROP TABLE x', false],
    ['mysqlTable', '2026$Folders_', true],
    ['mysqlTable', 'other_db.state', true],
    ['mysqlTable', 'x'.repeat(50), true],
    ['mysqlTable', 'x'.repeat(51), false],
    ['mysqlTable', `${'d'.repeat(64)}.${'x'.repeat(50)}`, true],
    ['mysqlTable', `${'d'.repeat(65)}.x`, false],
    ['mysqlTable', 'a.b.c', false],
    ['mysqlTable', 'a.', false],
    ['mysqlTable', '`state`', false],
    ['urlSignerKeyPairId', 'K1 K2', false],
    ['gcpProject', 'example.com:my-project', true],
    ['gcpProject', 'My Project', false],
    ['gcpProject', 'projects/my-project', false],
    ['maxBytesPerSecond', '1KiB', true],
    ['maxBytesPerSecond', '1024 TiB/s', true],
    ['maxBytesPerSecond', '1023B', false],
    ['maxBytesPerSecond', '1025TiB', false],
    ['maxBytesPerSecond', 500, false],
    ['maxBytesPerSecond', 'default', false],
    ['writeRampStartPerSecond', 0, false],
    ['writeRampDoublingMs', 1441, false],
    ['pubsubTopicId', 'objects.v2~+%', true],
    ['pubsubTopicId', 'projects/other-project/topics/objects', true],
    ['pubsubTopicId', 'projects/other-project/subscriptions/objects', false],
    ['pubsubTopicId', 'goog-objects', false],
    ['pubsubTopicId', 'ab', false],
    ['pubsubSubscriptionId', 'projects/other-project/subscriptions/objects', true],
    ['pubsubSubscriptionId', 'projects/other-project/topics/objects', false],
    ['credentialsSecretId', 'file:/etc/{transfer}/credentials.json', true],
    ['credentialsSecretId', 'projects/p/secrets/credentials/versions/3', true],
    ['credentialsSecretId', '{"aws_key_id": ""}', false],
    ['credentialsSecretId', '-----BEGIN PRIVATE KEY-----', false],
    ['insertQuery', 'INSERT INTO t (dir_key) VALUES (%s)', true],
    ['insertQuery', 'INSERT INTO t (dir_key) VALUES (%s, %s)', false],
  ] as const)('%s: %j is accepted: %s', (key, value, accepted) => {
    expect(accepts(key, value)).toBe(accepted);
  });

  it.each([
    ['storageClasses', 'all', []],
    ['storageClasses', ['ALL'], []],
    ['storageClasses', '["STANDARD"]', ['STANDARD']],
    ['gcsStorageClass', 'coldline', 'COLDLINE'],
    ['include', '*.jpg', ['*.jpg']],
    ['include', '["*.{jpg,png}"]', ['*.{jpg,png}']],
    ['include', '[a-z]*', ['[a-z]*']],
    ['allowDirectS3', 'TRUE', true],
    ['lastModifiedAfter', '2024-01-31', new Date('2024-01-31T00:00:00Z')],
    ['lastModifiedAfter', '2024-01-31T18:00:00', new Date('2024-01-31T18:00:00Z')],
    ['lastModifiedAfter', '2024-01-31T18:00:00+02:00', new Date('2024-01-31T16:00:00Z')],
    ['lastModifiedAfter', new Date(5), new Date(5)],
  ] as const)('%s: %j is read as %j', (key, value, expected) => {
    expect(read(key, value)).toEqual(expected);
  });
});
