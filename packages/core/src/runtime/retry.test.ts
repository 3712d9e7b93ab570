import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DestinationError, SourceError } from '../domain/errors.ts';
import { backoffDelayMs, DEFAULT_RETRY_POLICY, retry, type RetryPolicy, TriedOut, waitsTooLong } from './retry.ts';

const AT_ONCE: RetryPolicy = { maxAttempts: 4, baseDelayMs: 0, maxDelayMs: 0 };
const never = new AbortController().signal;

function throttled(retryAfterMs?: number): SourceError {
  return new SourceError('SOURCE_THROTTLED', 'slow down', { op: 'GetObject', httpStatus: 503, retryAfterMs });
}

/** The largest number that `Math.random` may give. */
const largest = () => 1 - Number.EPSILON;

describe('the backoff', () => {
  const policy: RetryPolicy = { maxAttempts: 9, baseDelayMs: 100, maxDelayMs: 1000 };

  test('doubles its ceiling with each attempt, up to the maximum', () => {
    const ceilings = [1, 2, 3, 4, 5, 60].map((attempt) => backoffDelayMs(policy, attempt, 0, largest));
    expect(ceilings).toEqual([99, 199, 399, 799, 999, 999]);
  });

  test('is spread over everything from nothing to the ceiling', () => {
    expect(backoffDelayMs(policy, 3, 0, () => 0)).toBe(0);
    expect(backoffDelayMs(policy, 3, 0, () => 0.5)).toBe(200);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), (attempt) => {
        const delayMs = backoffDelayMs(policy, attempt);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(Math.min(1000, 100 * 2 ** (attempt - 1)));
      }),
    );
  });

  test('is never shorter than what the service asked for', () => {
    expect(backoffDelayMs(policy, 1, 5000, largest)).toBe(5000);
    expect(backoffDelayMs(policy, 5, 10, largest)).toBe(999);
  });

  test('stays within what a timer can wait', () => {
    expect(backoffDelayMs(policy, 1, 1e12)).toBe(2 ** 31 - 1);
  });

  test('by default outlives on average an error that a CDN remembers for 10 s', () => {
    let sumMs = 0;
    for (let attempt = 1; attempt < DEFAULT_RETRY_POLICY.maxAttempts; attempt++) {
      sumMs += backoffDelayMs(DEFAULT_RETRY_POLICY, attempt, 0, largest) / 2;
    }
    expect(sumMs).toBeGreaterThan(10_000);
    expect(backoffDelayMs(DEFAULT_RETRY_POLICY, 100, 0, largest)).toBeLessThan(15_000);
  });
});

describe('retry', () => {
  test('tries again what may pass here though its class says that it does not, as long as it is said to', async () => {
    const gone = new SourceError('SOURCE_NOT_FOUND', 'not yet', { op: 'GetObject' });
    let tries = 0;
    const mayPass = (error: unknown) => error === gone && tries < 3;
    const refused = retry(AT_ONCE, { signal: never, mayPass }, () => {
      tries++;
      return Promise.reject(gone);
    });
    await expect(refused).rejects.toBe(gone);
    expect(tries).toBe(3);
  });

  test('within another one adds its tries, where they share what has been tried out, and does not multiply them', async () => {
    const failures = [throttled(), throttled()];
    let tries = 0;
    const hooks = { signal: never, triedOut: new TriedOut() };
    const nested = retry(AT_ONCE, hooks, () =>
      retry(AT_ONCE, hooks, () => Promise.reject(tries++ === 0 ? failures[0] : failures[1])),
    );
    await expect(nested).rejects.toBe(failures[1]);
    expect(tries).toBe(AT_ONCE.maxAttempts);
    // What befalls somebody else, though it be the same error, is not tried out for them.
    expect(new TriedOut().has(failures[1])).toBe(false);
  });

  test('gives back the first success and counts the tries', async () => {
    const attempts: number[] = [];
    const result = await retry(AT_ONCE, { signal: never }, async (attempt) => {
      attempts.push(attempt);
      if (attempt < 3) throw throttled();
      return 'done';
    });
    expect(result).toBe('done');
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('throws the last error when it has tried often enough', async () => {
    const errors = [1, 2, 3, 4].map(() => throttled());
    const run = retry(AT_ONCE, { signal: never }, async (attempt) => {
      throw errors[attempt - 1] ?? new Error('tried once too often');
    });
    await expect(run).rejects.toBe(errors[3]);
  });

  test.each([
    new SourceError('SOURCE_NOT_FOUND', 'gone', { op: 'GetObject' }),
    new DestinationError('DESTINATION_PRECONDITION_FAILED', 'taken', { op: 'objects.insert' }),
    new TypeError('a defect'),
  ])('does not repeat what cannot pass: $name', async (error) => {
    let tries = 0;
    const run = retry(AT_ONCE, { signal: never }, async () => {
      tries++;
      throw error;
    });
    await expect(run).rejects.toBe(error);
    expect(tries).toBe(1);
  });

  test('does not repeat what the caller knows to be futile, though it might pass', async () => {
    const futile = throttled();
    let tries = 0;
    const run = retry(AT_ONCE, { signal: never, unless: (error) => error === futile }, async () => {
      tries++;
      throw tries === 2 ? futile : throttled();
    });
    await expect(run).rejects.toBe(futile);
    expect(tries).toBe(2);
  });

  test('tells before each wait what failed and how long it will wait', async () => {
    const told: unknown[] = [];
    const errors = [throttled(3), throttled(7)];
    await retry(
      AT_ONCE,
      { signal: never, onRetry: (error, attempt, delayMs) => told.push([error, attempt, delayMs]) },
      async (attempt) => {
        const error = errors[attempt - 1];
        if (error !== undefined) throw error;
      },
    );
    expect(told).toEqual([
      [errors[0], 1, 3],
      [errors[1], 2, 7],
    ]);
  });

  test('really waits as long as the service asked for', async () => {
    const start = performance.now();
    await retry(AT_ONCE, { signal: never }, async (attempt) => {
      if (attempt === 1) throw throttled(60);
    });
    expect(performance.now() - start).toBeGreaterThanOrEqual(55);
  });

  test('does not sit out a wait of more than a minute: the error is thrown at once, still to be retried', async () => {
    for (const retryAfterMs of [60_001, 3_600_000]) {
      const error = throttled(retryAfterMs);
      let tries = 0;
      const run = retry(AT_ONCE, { signal: never }, async () => {
        tries++;
        throw error;
      });
      await expect(run).rejects.toBe(error);
      expect(tries).toBe(1);
      expect(waitsTooLong(error)).toBe(true);
      expect(error.retryable).toBe(true);
    }
    for (const error of [throttled(60_000), throttled(), new TypeError('a defect')]) {
      expect(waitsTooLong(error)).toBe(false);
    }
  });

  test('ends the wait when the signal aborts, without another try', async () => {
    const controller = new AbortController();
    let tries = 0;
    const reason = new Error('shutting down');
    const run = retry(AT_ONCE, { signal: controller.signal, onRetry: () => controller.abort(reason) }, async () => {
      tries++;
      throw throttled(60_000);
    });
    await expect(run).rejects.toBe(reason);
    expect(tries).toBe(1);
  });

  test('does not begin when the signal has aborted already', async () => {
    const reason = new Error('shutting down');
    let tries = 0;
    const run = retry(AT_ONCE, { signal: AbortSignal.abort(reason) }, async () => void tries++);
    await expect(run).rejects.toBe(reason);
    expect(tries).toBe(0);
  });
});
