import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { status } from '@grpc/grpc-js';
import { encodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import { preparePubsub } from '@object-transfer/core/queue/prepare-pubsub';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult, RunningCommand } from '../e2e/command.ts';
import { configuredBy, Fleet, PROJECT } from '../e2e/fleet.ts';
import { publishTo, pullFrom } from '../e2e/pubsub-client.ts';
import { DESTINATION_BUCKET, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { EchoingRefusals } from './echoing-refusals.ts';
import { findLeaks, readAllFiles } from './find-leaks.ts';

/*
 * Every module of a fleet, one after the other, against services that refuse and repeat what they were sent. They leave what
 * they heard in the state, which the operator's commands then show.
 */

const ENTITY = 'Everything';
const CREDENTIALS = 'credentials';
const SIGNING_KEY = 'signing-key';
const ROOT = 'photos/';
const KEY_PAIR_ID = 'K2JCJMDEHXQW5F';
const KEYS = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const AWS = {
  aws_key_id: 'AKIAIOSFODNN7EXAMPLE',
  aws_key_secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  aws_session_token: 'FwoGZXIvYXdzEBYaDsessionTokenOfTheTest/+==',
};
const PASSWORD = 'correct horse "battery" \\staple';
/** Emulators are sent none: this one stands for that of every Google service. It has no form of its own, as a federation's may. */
const ACCESS_TOKEN = 'b0Aaekm1Kexample-of-a-token-0123456789';
/** Beyond the multipart uploads, with an ETag that is no MD5: it moves in an upload session. */
const SESSION_BYTES = 1_100_000;

/** Subfolders by who refuses what is in them. */
const REFUSED_BY = { s3: 's3/', cdn: 'cdn/', gcs: 'gcs/' };

const asked = ({ url = '' }: IncomingMessage): string => decodeURIComponent(url);
const s3 = new EchoingRefusals((request) => asked(request).includes(ROOT + REFUSED_BY.s3), ['S3']);
const cdn = new EchoingRefusals((request) => asked(request).includes('/refused'), ['S3']);
const gcs = new EchoingRefusals(
  (request) => {
    request.headers.authorization = `Bearer ${ACCESS_TOKEN}`;
    request.rawHeaders.push('authorization', `Bearer ${ACCESS_TOKEN}`);
    return asked(request).includes(ROOT + REFUSED_BY.gcs) || asked(request).includes('upload_id=');
  },
  ['Google'],
);

let fleet: Fleet;
let user: string;
beforeAll(async () => {
  fleet = await Fleet.start({
    distribution: { publicKeys: { [KEY_PAIR_ID]: KEYS.publicKey }, intercept: cdn.intercept },
    interceptS3: s3.intercept,
    interceptGcs: gcs.intercept,
  });
  const { connection } = fleet.home;
  user = `m_${connection.database}`.slice(0, 32);
  const quoted = PASSWORD.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  await fleet.home.query(
    `CREATE USER ${user} IDENTIFIED BY "${quoted}"; GRANT ALL ON ${connection.database}.* TO ${user}`,
  );
  putConfiguration();
  await preparePubsub({
    projectId: PROJECT,
    emulatorHost: fleet.pubsub.host,
    topics: ['objects', 'checks', 'repairs', 'errors'],
    subscriptions: [
      ...['objects', 'checks', 'repairs'].map((name) => ({ name, topic: name, deadLetterTopic: 'errors' })),
      { name: 'errors', topic: 'errors' },
    ],
  });
  await fillBothSides();
});
afterAll(async () => {
  await fleet.home.query(`DROP USER ${user}`);
  await fleet[Symbol.asyncDispose]();
});

function putConfiguration(): void {
  fleet.putEntity(ENTITY, {
    gcp_project: PROJECT,
    credentials_secret_id: CREDENTIALS,
    mysql_table: fleet.table,
    aws_region: 'us-east-1',
    s3_bucket: SOURCE_BUCKET,
    s3_root_prefix: ROOT,
    gcs_bucket: DESTINATION_BUCKET,
    gcs_root_prefix: ROOT,
    cloudfront_url_host_pre: `${fleet.rehearsal.cdn.url}/`,
    url_signer_private_key_secret_id: SIGNING_KEY,
    url_signer_key_pair_id: KEY_PAIR_ID,
    pubsub_topic_id: 'objects',
    pubsub_subscription_id: 'objects',
    error_pubsub_topic_id: 'errors',
    max_attempts: 1,
  });
  fleet.putSecret(SIGNING_KEY, KEYS.privateKey);
  const mysql = { ...fleet.mysqlConfig, user, password: PASSWORD };
  fleet.putSecret(CREDENTIALS, JSON.stringify({ ...AWS, mysql_config: mysql }));
}

/** Objects at the source, and the rows of their subfolders: transferred, as they say, and not compared yet. */
async function fillBothSides(): Promise<void> {
  const { source } = fleet.rehearsal;
  for (const folder of Object.values(REFUSED_BY)) source.put(`${ROOT}${folder}object`, folder);
  source.put(`${ROOT}${REFUSED_BY.cdn}refused`, 'x');
  const etag = '0123456789abcdef0123456789abcdef-2';
  source.put(`${ROOT}${REFUSED_BY.cdn}large`, Buffer.alloc(SESSION_BYTES), { etag });
  const state = { connection: fleet.home.connection, table: fleet.table };
  await prepareMysqlState(state);
  const store = await openMysqlState(state);
  await store.addSubfolders(Object.values(REFUSED_BY));
  await store.close();
}

function secrets(): ReadonlyMap<string, string> {
  return new Map([
    ...Object.entries(AWS),
    ...s3.seen,
    ...cdn.seen,
    ...gcs.seen,
    ['MySQL password', PASSWORD],
    ['private key', KEYS.privateKey],
    ['access token of Google', ACCESS_TOKEN],
  ]);
}

/** Starts a command as talkative as it can be. Nobody else on the machine sees a secret of it. */
function start(args: string): RunningCommand {
  return fleet.start(...args.split(' '), ...configuredBy(ENTITY), '--log-level', 'debug', '--json');
}

/** What a command, or a worker and what it has handed on, said of a refusal. */
interface Told {
  readonly exitCode: number | null;
  /** The words of the service, but for the secrets in them. */
  readonly isTold: boolean;
  readonly leaks: readonly string[];
}

function told({ exitCode, stdout, stderr }: CommandResult, handedOn = ''): Told {
  const output = stdout + stderr;
  const isTold = output.includes('[redacted]') && (handedOn === '' || handedOn.includes('[redacted]'));
  return { exitCode, isTold, leaks: findLeaks(output + handedOn, secrets()) };
}

/** As it should be. */
function safely(exitCode: number): Told {
  return { exitCode, isTold: true, leaks: [] };
}

async function run(args: string): Promise<Told> {
  await using command = start(args);
  return told(await command.ended);
}

/** Runs a worker until it has handed on so many failures. */
async function runWorker(args: string, failures: number): Promise<Told> {
  await using worker = start(args);
  const handedOn = await pullFrom(fleet, 'errors', failures);
  worker.kill('SIGTERM');
  return told(await worker.ended, JSON.stringify(handedOn));
}

/** Pub/Sub refuses to take messages, in the words of a gateway before it. */
async function runUnpublished(args: string): Promise<Told> {
  const details = `denied: POST /v1/projects/p/topics/t:publish authorization: Bearer ${ACCESS_TOKEN}`;
  fleet.pubsub.faults.calls.refuse('Publish', { code: status.PERMISSION_DENIED, details });
  const result = await run(args);
  fleet.pubsub.faults.calls.allow('Publish');
  return result;
}

async function everyTable(): Promise<string> {
  const tables = await fleet.home.query(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
  );
  const rows = tables.map(({ name }) => fleet.home.query(`SELECT * FROM \`${String(name)}\``));
  return JSON.stringify(await Promise.all(rows));
}

describe('no secret is shown where services refuse and repeat what they were sent', () => {
  it('by dump and by publisher objects, when S3 does', async () => {
    expect(await run(`dump --s3-root-prefix ${ROOT}${REFUSED_BY.s3}`)).toEqual(safely(3));
    expect(await run('publisher objects')).toEqual(safely(1));
    await fleet.home.query(`UPDATE ${fleet.table} SET initial_transfer = FALSE, cdn_transfer_published = TRUE`);
  });

  it('by publisher sync-check, when Pub/Sub does', async () => {
    expect(await runUnpublished('publisher sync-check --once --pubsub-topic-id checks')).toEqual(safely(2));
  });

  it('by worker syncCheck, when S3 and GCS do', async () => {
    await publishTo(
      fleet,
      'checks',
      Object.values(REFUSED_BY).map((dirKey) => encodeSubfolderMessage([dirKey])),
    );
    expect(await runWorker('worker syncCheck --pubsub-subscription-id checks', 2)).toEqual(safely(0));
  });

  it('by publisher rsync, when Pub/Sub does', async () => {
    expect(await runUnpublished('publisher rsync --once --pubsub-topic-id repairs')).toEqual(safely(2));
  });

  it('by worker rsync, when CloudFront and an upload session of GCS do', async () => {
    await publishTo(fleet, 'repairs', [
      encodeSubfolderMessage([REFUSED_BY.cdn]),
      encodeSubfolderMessage([REFUSED_BY.gcs]),
    ]);
    expect(await runWorker('worker rsync --pubsub-subscription-id repairs', 1)).toEqual(safely(0));
    expect([...gcs.seen.keys()].some((what) => what.startsWith('query upload_id'))).toBe(true);
  });

  it('by sync, when S3 does, and CloudFront', async () => {
    expect(await run(`sync ${REFUSED_BY.s3}`)).toEqual(safely(3));
    expect(await run(`sync ${ROOT}${REFUSED_BY.cdn}refused`)).toEqual(safely(1));
  });

  it('by errors retry, when Pub/Sub does', async () => {
    expect(await runUnpublished('errors retry')).toEqual(safely(2));
  });

  it('by reset, when the database does', async () => {
    const { host, port, database } = fleet.home.connection;
    const url = `mysql://${user}:${encodeURIComponent(PASSWORD)}@${host}:${port}/${database}`;
    await fleet.home.query(
      `CREATE TRIGGER refusing BEFORE UPDATE ON ${fleet.table} FOR EACH ROW
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no back end for ${url}'`,
    );
    expect(await run('reset cdn-transfer --all --yes')).toEqual(safely(3));
    await fleet.home.query('DROP TRIGGER refusing');
  });

  it('by status, diff and errors list, which show what the others were told', async () => {
    const shown = await Promise.all(['status', 'diff', 'errors list'].map(run));
    expect(shown).toEqual([{ ...safely(0), isTold: false }, safely(0), safely(0)]);
  });

  it('in the tables and files that all of them have left', async () => {
    const tables = await everyTable();
    expect(tables).toContain('[redacted]');
    expect(findLeaks(tables + (await readAllFiles(fleet.rehearsal.directory)), secrets())).toEqual([]);
    for (const refusals of [s3, cdn, gcs]) expect(refusals.refused).toBeGreaterThan(0);
    // What each of them was sent to be refused.
    const kinds = new Set([...secrets().keys()].map((what) => what.replace(/ \S{6}$/, '')));
    expect([...kinds]).toEqual(
      expect.arrayContaining(['AWS signature', 'header x-amz-security-token', 'query Policy', 'query upload_id']),
    );
  });
});
