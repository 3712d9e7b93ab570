import { createGcsTokenSource } from '@object-transfer/core/storage/gcs-token-source';
import { Compute, IdentityPoolClient } from 'google-auth-library';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { answer, startScriptedServer, type Step } from './scripted-server.ts';

let server: Awaited<ReturnType<typeof startScriptedServer>>;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());

/** Workload identity federation: the one kind of credentials whose token server may be anywhere. */
function openTokens() {
  const client = new IdentityPoolClient({
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${server.url}/v1/token`,
    subject_token_supplier: { getSubjectToken: () => Promise.resolve('subject') },
  });
  return createGcsTokenSource(() => Promise.resolve(client));
}

function grant(token: string, lifetimeSeconds: number): Step {
  const body = { access_token: token, expires_in: lifetimeSeconds, token_type: 'Bearer', issued_token_type: 'x' };
  return answer(200, { 'content-type': 'application/json' }, JSON.stringify(body));
}

test('a token is asked for once and kept', async () => {
  server.script(grant('first', 3600), grant('second', 3600));
  const tokens = openTokens();
  expect(await tokens.token()).toBe('first');
  expect(await tokens.token()).toBe('first');
  expect(server.requests).toHaveLength(1);
});

test('all who need a token at once share one request', async () => {
  vi.stubEnv('GCE_METADATA_HOST', server.url.replace('http://', ''));
  const body = JSON.stringify({ access_token: 'shared', expires_in: 3600, token_type: 'Bearer' });
  server.script(answer(200, { 'content-type': 'application/json', 'metadata-flavor': 'Google' }, body));
  const tokens = createGcsTokenSource(() => Promise.resolve(new Compute()));
  expect(await Promise.all([tokens.token(), tokens.token(), tokens.token()])).toEqual(['shared', 'shared', 'shared']);
  expect(server.requests).toHaveLength(1);
  vi.unstubAllEnvs();
});

test('a token is renewed before it expires', async () => {
  server.script(grant('about to expire', 200), grant('second', 3600));
  const tokens = openTokens();
  await tokens.token();
  expect(await tokens.token()).toBe('second');
});

test('a refused token is asked for anew, once for all who were refused', async () => {
  server.script(grant('revoked', 3600), grant('second', 3600), grant('third', 3600));
  const tokens = openTokens();
  await tokens.token();
  tokens.discard('revoked');
  expect(await tokens.token()).toBe('second');
  tokens.discard('revoked');
  expect(await tokens.token()).toBe('second');
});

test('credentials that Google refuses are no reason to try again', async () => {
  server.script(answer(400, { 'content-type': 'application/json' }, '{"error":"invalid_grant"}'));
  const tokens = openTokens();
  await expect(tokens.token()).rejects.toMatchObject({ code: 'DESTINATION_FORBIDDEN', retryable: false });
});

test('missing credentials are a matter of configuration', async () => {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere/credentials.json');
  const tokens = createGcsTokenSource();
  await expect(tokens.token()).rejects.toMatchObject({ code: 'CONFIG_SECRET_MISSING' });
  vi.unstubAllEnvs();
});
