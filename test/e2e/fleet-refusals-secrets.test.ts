import { status } from '@grpc/grpc-js';
import {
  startSecretManagerServer,
  type SecretManagerServer,
} from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSecretManager } from '../integration/config/google-clients.ts';
import { dumpOf, HIDDEN, naming, refused } from './fleet-refusal.ts';
import { configuredBy, Fleet, PROJECT } from './fleet.ts';
import { ENTITIES, putReferenceConfiguration } from './reference-configuration.ts';

const SECRET = 'object-transfer-dump';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
  putReferenceConfiguration(fleet);
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** A Secret Manager for one test, in place of the fleet's. */
async function withSecretManager(
  test: (server: SecretManagerServer, place: { readonly environment: Record<string, string> }) => Promise<void>,
): Promise<void> {
  const server = await startSecretManagerServer();
  try {
    await test(server, { environment: { SECRET_MANAGER_EMULATOR_HOST: server.host } });
  } finally {
    await server.close();
  }
}

describe('a secret that cannot be read is named', () => {
  it('where there is none', async () => {
    await withSecretManager(async (_, place) => {
      const names = [`no secret "${SECRET}"`, `projects/${PROJECT}/secrets/${SECRET}`];
      expect(await refused(fleet, await dumpOf(fleet, ENTITIES.dump), place)).toMatch(naming(names));
    });
  });

  it('where its newest version is disabled', async () => {
    await withSecretManager(async (server, place) => {
      server.putSecret(PROJECT, SECRET, JSON.stringify({ mysql_config: { password: HIDDEN } }));
      const client = openSecretManager(server.host);
      await client.disableSecretVersion({ name: `projects/${PROJECT}/secrets/${SECRET}/versions/1` });
      await client.close();
      expect(await refused(fleet, await dumpOf(fleet, ENTITIES.dump), place)).toMatch(naming([SECRET, 'DISABLED']));
    });
  });

  it('where Secret Manager denies it', async () => {
    await withSecretManager(async (server, place) => {
      const denied = { code: status.PERMISSION_DENIED, details: "Permission 'secretmanager.versions.access' denied" };
      server.faults.refuse('AccessSecretVersion', denied);
      const names = [`Secret Manager in the project ${PROJECT}`, SECRET, denied.details];
      expect(await refused(fleet, await dumpOf(fleet, ENTITIES.dump), place)).toMatch(naming(names));
    });
  });
});

describe('a secret that cannot be used is named with its wrong fields, and nothing of it is shown', () => {
  it.each<[string, string, readonly string[]]>([
    ['is a text', `password=${HIDDEN}`, ['neither JSON nor a Python dict']],
    ['is cut off', `{"mysql_config": {"password": "${HIDDEN}"`, ['neither JSON nor a Python dict']],
    [
      'is a Python dict with an error',
      `{'mysql_config': {'host': 'db', 'password': '${HIDDEN}', 'user': }}`,
      ['neither JSON nor a Python dict'],
    ],
    ['has no MySQL login', JSON.stringify({ aws_key_id: 'K', aws_key_secret: HIDDEN }), ['no mysql_config']],
    [
      'lacks fields of the MySQL login',
      `{'mysql_config': {'password': '${HIDDEN}', 'host': 'mysql://u:${HIDDEN}@db/'}}`,
      ['mysql_config.host must be a host name', 'mysql_config.user is missing', 'mysql_config.database is missing'],
    ],
    ['has half of the AWS key', JSON.stringify({ aws_key_secret: HIDDEN }), ['aws_key_id is missing']],
    ['is a list', JSON.stringify([HIDDEN]), ['must be an object']],
  ])('where it %s', async (what, payload, problems) => {
    const id = `secret-that-${what.replaceAll(' ', '-')}`;
    fleet.putSecret(id, payload);
    fleet.putEntity(id, { mysql_table: fleet.table, credentials_secret_id: id });
    expect(await refused(fleet, await dumpOf(fleet, id))).toMatch(naming([`the secret "${id}"`, ...problems]));
  });
});

/** `dump` by an entity and a secret of this name. */
function dumpWith(name: string, login: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  fleet.putSecret(name, JSON.stringify({ mysql_config: { ...fleet.mysqlConfig, ...login } }));
  fleet.putEntity(name, { mysql_table: fleet.table, credentials_secret_id: name });
  return dumpOf(fleet, name);
}

describe('the MySQL login of a secret', () => {
  it('is named where the server refuses it', async () => {
    const dump = await dumpWith('refused-login', { user: 'nobody', password: HIDDEN });
    const names = ['CONFIG_ACCESS_DENIED', 'Access denied', 'the login is that of the secret "refused-login"'];
    expect(await refused(fleet, dump)).toMatch(naming(names));
  });

  it('names a database that is not there: dump says what prepares tables, and prepare does not', async () => {
    const dump = await dumpWith('no-database', { database: 'no_such_database' });
    const missing = ['CONFIG_STATE_MISSING', 'no_such_database'];
    expect(await refused(fleet, dump)).toMatch(naming([...missing, 'object-transfer prepare']));
    const message = await refused(fleet, ['prepare', ...configuredBy('no-database')]);
    expect(message).toMatch(naming([...missing, 'in a database that is there']));
    expect(message).not.toContain('object-transfer prepare');
  });
});

function signed(secretId: string): readonly string[] {
  const flags = ['--url-signer-key-pair-id', 'K2JCJMDEHXQW5F', '--url-signer-private-key-secret-id', secretId];
  return ['worker', 'cdnTransfer', ...configuredBy('Signing'), ...flags];
}

describe('the private key of a worker', () => {
  beforeAll(async () => {
    fleet.putEntity('Signing', {
      gcs_bucket: 'destination',
      mysql_table: fleet.table,
      s3_bucket: 'source',
      cloudfront_url_host_pre: `${fleet.rehearsal.cdn.url}/`,
      pubsub_subscription_id: 'signing-subscription',
      error_pubsub_topic_id: 'signing-errors',
      credentials_secret_id: SECRET,
    });
    const prepared = await fleet.command(
      'prepare',
      ...configuredBy('Signing'),
      '--pubsub-topic-id',
      'signing',
      '--topics',
    );
    if (prepared.exitCode !== 0) throw new Error(prepared.stderr);
  });

  it('is named where there is none', async () => {
    expect(await refused(fleet, signed('no-such-key'))).toMatch(naming(['no secret "no-such-key"']));
  });

  it('is named where it is no key, and not shown', async () => {
    fleet.putSecret('no-key', `-----BEGIN PRIVATE KEY-----\n${HIDDEN}\n-----END PRIVATE KEY-----\n`);
    expect(await refused(fleet, signed('no-key'))).toMatch(naming(['the secret "no-key"']));
  });
});
