import type { AuthClient, OAuth2Client } from 'google-auth-library';
import { ConfigurationError, DestinationError, ObjectTransferError } from '../domain/errors.ts';
import { endsWithin } from '../runtime/ends-within.ts';
import { noteGivenUp } from '../runtime/given-up.ts';

/** Access tokens for GCS. */
export interface GcsTokenSource {
  /** @returns a token that holds for minutes yet; cached */
  token(): Promise<string>;
  /** To be called when GCS refused a token: the next one is new, unless another request has seen to that already. */
  discard(refused: string): void;
}

const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';

/**
 * How long to wait for credentials to be found, and for a token of theirs. Where there is a metadata server it answers in milliseconds;
 * where there is none, looking for it takes the library up to 13 s.
 */
const ANSWER_TIMEOUT_MS = 20_000;

/**
 * Tokens of Google's application default credentials, or of the client given; the library caches them and renews them
 * five minutes before they expire. Errors carry no cause: those of the library hold the request with its secrets.
 * @param timeoutMs what is left unanswered for so long is `DESTINATION_UNAVAILABLE`: on Compute Engine the library itself waits on
 */
export function createGcsTokenSource(
  findClient: () => Promise<AuthClient> = defaultClient,
  timeoutMs = ANSWER_TIMEOUT_MS,
): GcsTokenSource {
  let client: Promise<AuthClient> | undefined;
  let current: { readonly client: AuthClient; readonly token: string } | undefined;
  let pending: Promise<string> | undefined;

  const ask = async (): Promise<string> => {
    client ??= find(findClient);
    try {
      const found = await answered(client, timeoutMs, () => 'the metadata server, asked what credentials there are,');
      const { token } = await answered(found.getAccessToken(), timeoutMs, () => tokenServerOf(found));
      if (typeof token !== 'string' || token === '') throw new TypeError('the answer holds no token');
      current = { client: found, token };
      return token;
    } catch (error) {
      if (!(error instanceof ObjectTransferError)) throw tokenError(error);
      // Whoever asks again is to ask anew: a client hands out the answer that it waits for already.
      client = undefined;
      throw error;
    }
  };

  return {
    token() {
      // Not every client of the library keeps simultaneous callers from asking one by one.
      pending ??= ask().finally(() => {
        pending = undefined;
      });
      return pending;
    },
    discard(refused) {
      if (current === undefined || current.token !== refused) return;
      // An expiry long past makes the library fetch another one.
      current.client.setCredentials({ ...current.client.credentials, expiry_date: 1 });
      current = undefined;
    },
  };
}

async function defaultClient(): Promise<AuthClient> {
  // Not before it is needed: emulators need no token.
  const { GoogleAuth } = await import('google-auth-library');
  return new GoogleAuth({ scopes: [SCOPE] }).getClient();
}

async function find(findClient: () => Promise<AuthClient>): Promise<AuthClient> {
  try {
    return await findClient();
  } catch (error) {
    throw new ConfigurationError('CONFIG_SECRET_MISSING', `no Google credentials: ${reasonOf(error)}`, {
      op: 'readCredentials',
    });
  }
}

/** @param server who has not answered. @throws DestinationError `DESTINATION_UNAVAILABLE` */
async function answered<T>(pending: Promise<T>, timeoutMs: number, server: () => string): Promise<T> {
  if (await endsWithin(pending, timeoutMs)) return pending;
  noteGivenUp();
  const reason = `${server()} has not answered within ${timeoutMs / 1000} s`;
  throw new DestinationError('DESTINATION_UNAVAILABLE', `Google gave no access token: ${reason}`, {
    op: 'getAccessToken',
  });
}

/** By the name of its class, of which there are many: the library is not loaded for it. */
function tokenServerOf(client: AuthClient): string {
  const kind = client.constructor.name;
  switch (kind) {
    case 'Compute':
      return 'the metadata server';
    case 'JWT':
    case 'UserRefreshClient':
      return new URL((client as OAuth2Client).endpoints.oauth2TokenUrl).host;
    default:
      return `the server that gives tokens for credentials of the kind ${kind}`;
  }
}

function tokenError(error: unknown): DestinationError {
  const status = statusOf(error);
  const refused = status === 400 || status === 401 || status === 403;
  return new DestinationError(
    refused ? 'DESTINATION_FORBIDDEN' : 'DESTINATION_UNAVAILABLE',
    `Google gave no access token: ${reasonOf(error)}`,
    { op: 'getAccessToken', httpStatus: status },
  );
}

function statusOf(error: unknown): number | undefined {
  const status: unknown = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' ? status : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
