import { retry, type RetryPolicy } from '@object-transfer/core/runtime/retry';
import { createGcsTokenSource } from '@object-transfer/core/storage/gcs-token-source';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { answer, silence, startScriptedServer, type Step } from './scripted-server.ts';

/** A metadata server of Compute Engine, which is where the default credentials come from on a worker. */
let server: Awaited<ReturnType<typeof startScriptedServer>>;
beforeAll(async () => {
  server = await startScriptedServer();
});
beforeEach(() => {
  vi.stubEnv('GCE_METADATA_HOST', server.url.replace('http://', ''));
  vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
  vi.stubEnv('CLOUDSDK_CONFIG', '/nowhere');
  vi.stubEnv('HOME', '/nowhere');
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'a-project');
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => server.close());

const FROM_METADATA_SERVER = { 'content-type': 'application/json', 'metadata-flavor': 'Google' };

function grant(token: string, lifetimeSeconds: number): Step {
  const body = { access_token: token, expires_in: lifetimeSeconds, token_type: 'Bearer' };
  return answer(200, FROM_METADATA_SERVER, JSON.stringify(body));
}

/** Hands out one grant after the other to those who ask for a token, and the last one for ever. */
function scriptGrants(...grants: readonly Step[]): void {
  let remaining = grants;
  server.script((response, request) => {
    if (request.url?.includes('/token') !== true) {
      answer(200, { 'metadata-flavor': 'Google' }, 'googleapis.com')(response, request);
      return;
    }
    const [step, ...rest] = remaining;
    if (rest.length > 0) remaining = rest;
    step?.(response, request);
  });
}

function tokenRequests(): URL[] {
  return server.requests
    .map(({ target }) => new URL(target, server.url))
    .filter((url) => url.pathname.endsWith('/token'));
}

test('a token for reading and writing objects is asked for once and kept', async () => {
  scriptGrants(grant('first', 3600), grant('second', 3600));
  const tokens = createGcsTokenSource();
  expect(await tokens.token()).toBe('first');
  expect(await tokens.token()).toBe('first');
  expect(tokenRequests().map((url) => url.searchParams.get('scopes'))).toEqual([
    'https://www.googleapis.com/auth/devstorage.read_write',
  ]);
});

test('all who need a token at once share one request', async () => {
  scriptGrants(grant('shared', 3600));
  const tokens = createGcsTokenSource();
  expect(await Promise.all([tokens.token(), tokens.token(), tokens.token()])).toEqual(['shared', 'shared', 'shared']);
  expect(tokenRequests()).toHaveLength(1);
});

test('a token is renewed before it expires', async () => {
  scriptGrants(grant('about to expire', 200), grant('second', 3600));
  const tokens = createGcsTokenSource();
  await tokens.token();
  expect(await tokens.token()).toBe('second');
});

test('a refused token is asked for anew, once for all who were refused', async () => {
  scriptGrants(grant('revoked', 3600), grant('second', 3600), grant('third', 3600));
  const tokens = createGcsTokenSource();
  await tokens.token();
  tokens.discard('revoked');
  expect(await tokens.token()).toBe('second');
  tokens.discard('revoked');
  expect(await tokens.token()).toBe('second');
});

const QUICK: RetryPolicy = { maxAttempts: 50, baseDelayMs: 1, maxDelayMs: 1 };

test('a metadata server that accepts and never answers is named, and asked anew', async () => {
  scriptGrants(grant('first', 3600));
  // Loads the library, which takes longer than the time-out.
  await createGcsTokenSource().token();
  scriptGrants(silence(), grant('second', 3600));
  const tokens = createGcsTokenSource(undefined, 250);
  const seen: unknown[] = [];
  const hooks = { signal: new AbortController().signal, onRetry: (error: unknown) => void seen.push(error) };
  expect(await retry(QUICK, hooks, () => tokens.token())).toBe('second');
  expect(seen[0]).toMatchObject({
    code: 'DESTINATION_UNAVAILABLE',
    retryable: true,
    message: 'Google gave no access token: the metadata server has not answered within 0.25 s',
  });
});

test('a metadata server that never says what credentials there are is named', async () => {
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', undefined);
  server.script(silence());
  await expect(createGcsTokenSource(undefined, 50).token()).rejects.toMatchObject({
    code: 'DESTINATION_UNAVAILABLE',
    message: expect.stringContaining('the metadata server, asked what credentials there are, has not') as string,
  });
});

test('credentials that Google refuses are no reason to try again', async () => {
  scriptGrants(answer(403, FROM_METADATA_SERVER, '{"error":"access_denied"}'));
  await expect(createGcsTokenSource().token()).rejects.toMatchObject({
    code: 'DESTINATION_FORBIDDEN',
    retryable: false,
  });
});

test('missing credentials are a matter of configuration', async () => {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere/credentials.json');
  await expect(createGcsTokenSource().token()).rejects.toMatchObject({ code: 'CONFIG_SECRET_MISSING' });
});
