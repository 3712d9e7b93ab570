import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserRefreshClient } from 'google-auth-library';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { retry } from '../runtime/retry.ts';
import { createGcsTokenSource } from './gcs-token-source.ts';

/** Accepts, and leaves so many requests without an answer. */
let silent: number;
let server: Server;
let host: string;
beforeEach(async () => {
  server = createServer((_request, response) => {
    if (silent-- > 0) return;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"access_token":"fresh","expires_in":3600}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

/** Which waits for ever, as that of a virtual machine does for its metadata server. */
async function findClient(): Promise<UserRefreshClient> {
  return new UserRefreshClient({
    clientId: 'id',
    clientSecret: 'secret',
    refreshToken: 'refresh',
    endpoints: { oauth2TokenUrl: `http://${host}/token` },
  });
}

test('a token server that accepts and never answers is named by its host', async () => {
  silent = Number.POSITIVE_INFINITY;
  await expect(createGcsTokenSource(findClient, 50).token()).rejects.toMatchObject({
    code: 'DESTINATION_UNAVAILABLE',
    retryable: true,
    message: `Google gave no access token: ${host} has not answered within 0.05 s`,
  });
});

test('a token that was not given in time is asked for anew, and not waited for once more', async () => {
  silent = 1;
  const tokens = createGcsTokenSource(findClient, 50);
  await expect(tokens.token()).rejects.toMatchObject({ code: 'DESTINATION_UNAVAILABLE' });
  const policy = { maxAttempts: 100, baseDelayMs: 1, maxDelayMs: 1 };
  expect(await retry(policy, { signal: new AbortController().signal }, () => tokens.token())).toBe('fresh');
});
