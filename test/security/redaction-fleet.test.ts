import { generateKeyPairSync } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectExitCode, type RunningCommand } from '../e2e/command.ts';
import { configuredBy, Fleet, PROJECT } from '../e2e/fleet.ts';
import { publishTo, pullFrom } from '../e2e/pubsub-client.ts';
import {
  ENTITIES,
  ERROR_TOPIC,
  prepareFleet,
  putReferenceConfiguration,
  ROOT,
  SECRET,
  TOPIC,
} from '../e2e/reference-configuration.ts';
import { EchoingRefusals } from './echoing-refusals.ts';
import { findLeaks, readAllFiles } from './find-leaks.ts';
import { listeningAddresses } from './listening-sockets.ts';
import { processTree } from './processes.ts';

const KEY_PAIR_ID = 'K2JCJMDEHXQW5F';
const KEYS = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const AWS = { aws_key_id: 'AKIAIOSFODNN7EXAMPLE', aws_key_secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const SESSION_TOKEN = 'FwoGZXIvYXdzEBYaDsessionTokenOfTheTest/+==';
const PASSWORD = 'correct horse "battery" \\staple';
const WORKER = ['worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker)];

const refusals = new EchoingRefusals(({ url }) => url?.split('?')[0]?.includes('refused') === true);
let fleet: Fleet;
let user: string;
beforeAll(async () => {
  const { intercept } = refusals;
  fleet = await Fleet.start({
    distribution: { publicKeys: { [KEY_PAIR_ID]: KEYS.publicKey }, intercept },
    interceptS3: intercept,
    interceptGcs: intercept,
  });
  putReferenceConfiguration(fleet, { keyPairId: KEY_PAIR_ID, privateKey: KEYS.privateKey });
  await prepareFleet(fleet);
  const { database } = fleet.home.connection;
  user = `u_${database}`.slice(0, 32);
  const quoted = PASSWORD.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  await fleet.home.query(`CREATE USER ${user} IDENTIFIED BY "${quoted}"; GRANT ALL ON ${database}.* TO ${user}`);
  putCredentials(PASSWORD);
});
afterAll(async () => {
  await fleet.home.query(`DROP USER ${user}`);
  await fleet[Symbol.asyncDispose]();
});

function putCredentials(password: string): void {
  const mysql = { ...fleet.mysqlConfig, user, password };
  fleet.putSecret(SECRET, JSON.stringify({ ...AWS, aws_session_token: SESSION_TOKEN, mysql_config: mysql }));
}

function secrets(): ReadonlyMap<string, string> {
  return new Map([
    ...Object.entries(AWS),
    ...refusals.seen,
    ['session token', SESSION_TOKEN],
    ['MySQL password', PASSWORD],
    ['private key', KEYS.privateKey],
  ]);
}

async function everyTable(): Promise<string> {
  const tables = await fleet.home.query(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
  );
  const rows = tables.map(({ name }) => fleet.home.query(`SELECT * FROM \`${String(name)}\``));
  return JSON.stringify(await Promise.all(rows));
}

/** Arguments and environments of the command and of all that it has started, while it runs. */
async function expectNoCredentialsIn(command: RunningCommand): Promise<void> {
  const processes = await processTree(command.pid);
  expect(processes).toHaveLength(3);
  for (const { cmdline, environ } of processes) {
    expect(cmdline).toContain('cdnTransfer');
    expect(findLeaks(cmdline + environ, secrets())).toEqual([]);
  }
}

describe('a worker of a fleet whose secrets are in Secret Manager', () => {
  it('shows none of them: in arguments and environments of its processes, its log, the state and the error topic', async () => {
    const { source } = fleet.rehearsal;
    const messages = ['refused-1', 'refused-2', 'refused-3', 'fine'].map((name) => {
      const key = `${ROOT}/a/${name}`;
      const { size, etag } = source.put(key, name);
      return encodeObjectMessage('a/', [{ key, sizeBytes: size, etag }]);
    });
    await publishTo(fleet, TOPIC, messages);
    await using worker = fleet.start(...WORKER, '--processes', '2', '--log-level', 'debug');
    const failed = await pullFrom(fleet, `${ERROR_TOPIC}-sub`, 3);
    await expectNoCredentialsIn(worker);
    // Nor is there a port to ask them at.
    expect(await listeningAddresses(worker)).toEqual([]);
    worker.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await worker.ended;
    expect(exitCode).toBe(0);
    expect(refusals.refused).toBeGreaterThanOrEqual(3);
    expect(JSON.stringify(failed)).toContain('[redacted]');
    const tables = await everyTable();
    expect(tables).toContain('refused-1');
    const written = [stdout, stderr, tables, JSON.stringify(failed), await readAllFiles(fleet.rehearsal.directory)];
    expect(findLeaks(written.join('\n'), secrets())).toEqual([]);
  });

  it('says that the login is refused without the password', async () => {
    const wrong = `${PASSWORD} of yesterday`;
    putCredentials(wrong);
    const { exitCode, stdout, stderr } = await fleet.command(...WORKER, '--log-level', 'debug');
    putCredentials(PASSWORD);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('CONFIG_ACCESS_DENIED');
    expect(findLeaks(stdout + stderr, new Map([...secrets(), ['wrong password', wrong]]))).toEqual([]);
  });

  it('has secrets that `config check --secrets` reads and does not print', async () => {
    const check = ['config', 'check', ...WORKER, '--secrets', '--json'];
    const { exitCode, stdout, stderr } = await fleet.command(...check);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stdout).toContain('a private key that CloudFront takes');
    expect(findLeaks(stdout + stderr, secrets())).toEqual([]);
  });

  it('repeats no access token that a Google service repeats when it refuses', async () => {
    const token = 'ya29.a0AfH6SMBxTokenOfTheTest';
    const details = `denied to authorization: Bearer ${token} and {"access_token":"opaque-token"}`;
    fleet.secretManager.faults.refuse('AccessSecretVersion', { code: status.PERMISSION_DENIED, details });
    const refused = await fleet.command(...WORKER);
    fleet.secretManager.faults.allow();
    expectExitCode(refused, 2);
    expect(refused.stderr).toContain(`the project ${PROJECT}`);
    expect(refused.stderr).toContain('[redacted]');
    const tokens = new Map(Object.entries({ token, opaque: 'opaque-token' }));
    expect(findLeaks(refused.stderr + (await everyTable()), tokens)).toEqual([]);
  });
});
