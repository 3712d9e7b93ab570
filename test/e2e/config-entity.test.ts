import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDatastoreServer, type DatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import {
  startSecretManagerServer,
  type SecretManagerServer,
} from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningCommand, type CommandResult } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

let directory: string;
let datastore: DatastoreServer;
let secretManager: SecretManagerServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-entity-'));
  datastore = await startDatastoreServer();
  secretManager = await startSecretManagerServer();
  datastore.putEntity('my-project', 'transfer', 'publisher', {
    gcp_project: 'my-project',
    logger_nam: 'x',
    mysql_table: 'transfer_state',
    s3_bucket: 'photos-live',
    s3_root_prefix: 'photos',
    storage_class: 'STANDARD',
    last_modified_before: new Date('2024-01-31T18:00:00Z'),
    last_modified_after: 'initial',
    pubsub_topic_id: 'objects',
    max_messages_per_batch: '10',
    pull_query: 'SELECT dir_key FROM transfer_state\n  WHERE initial_transfer IS TRUE LIMIT 10',
    update_query: 'UPDATE transfer_state SET cdn_transfer_published = TRUE WHERE dir_key = %s',
    credentials_secret_id: 'credentials',
  });
  datastore.putEntity('my-project', 'transfer', 'broken', {
    gcp_project: 'my-project',
    s3_bucket: 's3://photos-live',
    update_query: 'UPDATE transfer_state SET cdn_transfer_published = TRUE',
  });
  secretManager.putSecret(
    'my-project',
    'credentials',
    "{'mysql_config': {'host': 'db', 'user': 'u', 'password': 'c2VjcmV0', 'database': 'd', 'ssl_disabled': True}}",
  );
});
afterAll(async () => {
  await datastore.close();
  await secretManager.close();
  await rm(directory, { recursive: true });
});

async function check(...args: readonly string[]): Promise<CommandResult> {
  const environment = {
    ...bareEnvironment(directory),
    DATASTORE_EMULATOR_HOST: datastore.host,
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
  };
  const all = ['config', 'check', 'publisher', 'objects', '--gcp_project', 'my-project', ...args];
  await using command = new RunningCommand(all, { cwd: directory, environment });
  return await command.ended;
}

describe('config check of an entity', () => {
  it('shows what holds, with the defaults of a fleet, and what the secret holds without a value', async () => {
    await writeFile(join(directory, 'over.yaml'), 's3_root_prefix: other\n');
    const over = ['--config', 'over.yaml', '--max-messages-per-batch', '20'];
    const { exitCode, stdout, stderr } = await check('--config_key', 'transfer/publisher', ...over, '--secrets');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const line of [
      /^publisher objects: the settings are valid \(defaults of a fleet\)$/m,
      /^ {2}s3_bucket +photos-live +Datastore entity transfer\/publisher$/m,
      /^ {2}s3_root_prefix +other +over\.yaml line 1$/m,
      /^ {2}max_messages_per_batch +20 +--max-messages-per-batch on the command line$/m,
      /^ {2}num_single_message +10 +default$/m,
      /^ {2}last_modified_before +2024-01-31T18:00:00\.000Z +Datastore entity/m,
      /^ {2}pull_query +SELECT dir_key FROM transfer_state WHERE initial_transfer IS TRUE LIMIT 10 +Datastore/m,
      /^state: MySQL\nqueue: Pub\/Sub\nsecrets: Secret Manager$/m,
      /^credentials_secret_id "credentials": no AWS keys: .*; a MySQL login$/m,
      /^warning: logger_nam \(Datastore entity .*did you mean logger_name\?$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toContain('c2VjcmV0');
  });

  it('names all that is wrong with an entity', async () => {
    const { exitCode, stdout, stderr } = await check('--config-key', 'transfer/broken');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('5 settings are wrong (publisher objects)');
    expect(stderr).toContain('update_query (Datastore entity transfer/broken) must have one %s, for dir_key');
    expect(stderr).toContain('pubsub_topic_id is missing');
  });

  it('ends with exit code 2 for an entity that is not there', async () => {
    const { exitCode, stderr } = await check('--config-key', 'transfer/none');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('no Datastore entity of the kind transfer named none');
  });
});
