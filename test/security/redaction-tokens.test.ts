import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createGcsTokenSource } from '@object-transfer/core/storage/gcs-token-source';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningCommand } from '../e2e/command.ts';
import { DESTINATION_BUCKET, Rehearsal } from '../e2e/rehearsal.ts';
import { startScriptedServer, type ScriptedServer } from '../integration/storage/scripted-server.ts';
import { findLeaks, readAllFiles } from './find-leaks.ts';

const SUBJECT_TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJzdWJqZWN0In0.c2lnbmF0dXJlLW9mLXRoZS10ZXN0';
const ACCESS_TOKEN = 'ya29.a0AfH6SMBxTokenOfTheTest-0123456789';
const CLIENT_SECRET = 'GOCSPX-client-secret-of-the-test';
/** How the client and its secret are sent. */
const BASIC = Buffer.from(`client:${CLIENT_SECRET}`).toString('base64');
const SECRETS = new Map(Object.entries({ SUBJECT_TOKEN, ACCESS_TOKEN, CLIENT_SECRET, BASIC }));
const signal = new AbortController().signal;

let server: ScriptedServer;
let directory: string;
beforeAll(async () => {
  server = await startScriptedServer();
  directory = await mkdtemp(join(tmpdir(), 'redaction-tokens-'));
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

/** Refuses, and repeats the request in every form that error bodies of token endpoints have. */
function repeating(status: number): void {
  server.script((response, request) => {
    request.setEncoding('utf8');
    const sent = server.requests.at(-1);
    const said = `${request.method} ${request.url} ${request.rawHeaders.join(': ')} ${decodeURIComponent(sent?.body ?? '')} ${sent?.body ?? ''}`;
    const body = { error: 'invalid_grant', error_description: said, access_token: ACCESS_TOKEN, message: said };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
}

/** Workload identity of another cloud: the library reads a token from a file and trades it at `token_url`. */
async function writeCredentials(): Promise<string> {
  await writeFile(join(directory, 'subject-token'), SUBJECT_TOKEN);
  const file = join(directory, 'credentials.json');
  const credentials = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${server.url}/v1/token`,
    client_id: 'client',
    client_secret: CLIENT_SECRET,
    credential_source: { file: join(directory, 'subject-token') },
  };
  await writeFile(file, JSON.stringify(credentials));
  return file;
}

it('a run whose token endpoint refuses and repeats the request shows nothing of it', async () => {
  repeating(400);
  await using rehearsal = await Rehearsal.start();
  rehearsal.source.put('a', 'a');
  const { STORAGE_EMULATOR_HOST: _, ...others } = rehearsal.environment;
  const environment = { ...others, GOOGLE_APPLICATION_CREDENTIALS: await writeCredentials() };
  const options = { cwd: rehearsal.directory, environment };
  await using command = new RunningCommand([...rehearsal.runFlags, '--log-level', 'debug'], options);
  const { exitCode, stdout, stderr } = await command.ended;
  expect([2, 3]).toContain(exitCode);
  expect(server.requests.length).toBeGreaterThan(0);
  expect(server.requests.some(({ body }) => body.includes(SUBJECT_TOKEN))).toBe(true);
  expect(server.requests.some(({ headers }) => headers.authorization === `Basic ${BASIC}`)).toBe(true);
  expect(stderr).toMatch(/no Google credentials: .*\[redacted\]/);
  expect(findLeaks(stdout + stderr + (await readAllFiles(rehearsal.directory)), SECRETS)).toEqual([]);
});

it.each([
  ['a token', SUBJECT_TOKEN, SUBJECT_TOKEN],
  ['a password', `https://proxy:${CLIENT_SECRET}@gateway/`, CLIENT_SECRET],
])('%s that GCS repeats is not shown in part either, where its words are cut short', async (_, said, secret) => {
  // Of a text, 500 characters are shown.
  const body = `${'.'.repeat(459)} ${said}`;
  server.script((response) => response.writeHead(400, { 'content-type': 'text/plain' }).end(body));
  const destination = createGcsObjectDestination({ bucket: DESTINATION_BUCKET, emulatorHost: server.url });
  const failure = await destination.stat('name', signal).catch((error: unknown) => error);
  await destination.close();
  expect(String(failure)).toContain('....');
  expect(String(failure)).not.toContain(secret.slice(0, 12));
});

describe('an access token', () => {
  it('that GCS repeats when it refuses is not in the error', async () => {
    repeating(403);
    const destination = createGcsObjectDestination({
      bucket: DESTINATION_BUCKET,
      emulatorHost: server.url,
      tokens: { token: async () => ACCESS_TOKEN, discard: () => undefined },
    });
    const failure = await destination.stat('name', signal).catch((error: unknown) => error);
    await destination.close();
    expect(server.requests.at(-1)?.headers.authorization).toBe(`Bearer ${ACCESS_TOKEN}`);
    expect(failure).toMatchObject({ code: 'DESTINATION_FORBIDDEN' });
    expect(findLeaks(String((failure as Error).stack), SECRETS)).toEqual([]);
  });

  it('and the refresh token of a user are not in the error where the library repeats what it was told', async () => {
    const REFRESH = '1//0gFakeRefreshTokenOfTheTest-0123456789';
    const said = `invalid_grant: refresh_token=${REFRESH}&client_secret=${CLIENT_SECRET} {"refresh_token":"${REFRESH}"}`;
    const tokens = createGcsTokenSource(() =>
      Promise.resolve({
        getAccessToken: () => Promise.reject(Object.assign(new Error(said), { status: 400 })),
      } as never),
    );
    const failure = (await tokens.token().catch((error: unknown) => error)) as Error;
    expect(failure).toMatchObject({ code: 'DESTINATION_FORBIDDEN' });
    expect(failure.cause).toBeUndefined();
    expect(failure.message).toContain('[redacted]');
    expect(findLeaks(String(failure.stack), new Map([...SECRETS, ['refresh token', REFRESH]]))).toEqual([]);
  });
});
