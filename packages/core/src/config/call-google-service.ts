import { ConfigurationError, ServiceError } from '../domain/errors.ts';
import { endsWithin } from '../runtime/ends-within.ts';
import { noteGivenUp } from '../runtime/given-up.ts';
import { retry, type RetryPolicy } from '../runtime/retry.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
import { googleServiceError, type GoogleServiceCall } from './google-service-error.ts';

/** How long to wait for a service that does not answer. */
export interface Patience {
  readonly attemptTimeoutMs: number;
  /** All tries together, with the waits between them. */
  readonly totalTimeoutMs: number;
  readonly retries: RetryPolicy;
}

/** A service that restarts is back within seconds; somebody may be waiting at a terminal for the answer. */
const DEFAULT_PATIENCE: Patience = {
  attemptTimeoutMs: 10_000,
  totalTimeoutMs: 30_000,
  retries: { maxAttempts: 8, baseDelayMs: 500, maxDelayMs: 8_000 },
};

/** What a generated client is asked, so that it neither retries by itself (it would for ten minutes) nor waits on. */
export interface CallOptions {
  readonly timeout: number;
  readonly retry: null;
}

/**
 * Calls a Google service through one of its generated clients until it answers, refuses, or patience is at its end.
 * @throws ConfigurationError `CONFIG_ACCESS_DENIED` without credentials or permission, and what `call.explain` returns
 * @throws ServiceError `SERVICE_UNAVAILABLE` naming host, tries and the last failure; `SERVICE_REJECTED`
 */
export async function callGoogleService<T>(
  call: GoogleServiceCall,
  client: { initialize(): Promise<unknown> },
  request: (options: CallOptions) => Promise<T>,
  patience: Patience = DEFAULT_PATIENCE,
): Promise<T> {
  const { attemptTimeoutMs, totalTimeoutMs, retries } = patience;
  const startedAt = performance.now();
  const outOfPatience = new AbortController();
  const { signal } = outOfPatience;
  const timer = setTimeout(() => outOfPatience.abort(new Error('no answer')), totalTimeoutMs);
  let attempts = 0;
  let lastFailure: Error | undefined;
  const tryOnce = async (attempt: number): Promise<T> => {
    attempts = attempt;
    try {
      await findCredentials(call, client);
      return await request({ timeout: attemptTimeoutMs, retry: null });
    } catch (error) {
      lastFailure = googleServiceError(error, call);
      throw lastFailure;
    }
  };
  try {
    return await unlessAborted(retry(retries, { signal }, tryOnce), signal);
  } catch (error) {
    const gaveUp = error === signal.reason || (error instanceof ServiceError && error.retryable);
    if (!gaveUp) throw error;
    const tried = `${attempts} ${attempts === 1 ? 'try' : 'tries'} in ${seconds(performance.now() - startedAt)} s`;
    const last = lastFailure?.message ?? `${call.service} at ${call.host}: no answer`;
    throw new ServiceError('SERVICE_UNAVAILABLE', `cannot read ${call.source}, after ${tried}: ${last}`, {
      op: call.op,
      source: call.source,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Closing a client takes no time; one that still looks for credentials waits until it has found some before. */
const CLOSE_MS = 1_000;

/** Ends the connection of a generated client, where it has one. What it is doing fails. */
export async function closeGoogleClient(client: { close(): Promise<void> }): Promise<void> {
  // A client that found no credentials has no connection to end, and fails once more with the error of its first use.
  if (!(await endsWithin(client.close(), CLOSE_MS))) noteGivenUp();
}

/** The first use of a client looks for credentials: what fails there was not said by the service. */
async function findCredentials(call: GoogleServiceCall, client: { initialize(): Promise<unknown> }): Promise<void> {
  try {
    await client.initialize();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError('CONFIG_ACCESS_DENIED', `no Google credentials for ${call.service}: ${reason}`, {
      op: call.op,
      source: call.source,
    });
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
