import { EventEmitter, on, once } from 'node:events';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { StateError, type StateErrorCode } from '../domain/errors.ts';
import type { MessageSubscription, PullRequest, ReceivedMessage } from '../ports/message-queue.ts';
import { consumeMessages, type ConsumeOptions } from './consume-messages.ts';

/** A queue in memory that tells what is done to it: `acked`, `nacked` with the delay, `extended`, `pulled`. */
class MemorySubscription extends EventEmitter implements MessageSubscription {
  readonly pulls: PullRequest[] = [];
  readonly settled: string[] = [];
  closed = false;
  closeError: Error | undefined;
  readonly pullErrors: Error[] = [];
  /** Whose nacks are never answered. */
  readonly unanswered = new Set<string>();
  readonly #waiting: ReceivedMessage[] = [];

  add(...ids: readonly string[]): void {
    this.#waiting.push(...ids.map((id) => this.#message(id)));
    this.emit('added');
  }

  async pull(request: PullRequest): Promise<readonly ReceivedMessage[]> {
    this.pulls.push(request);
    this.emit('pulled', request);
    const error = this.pullErrors.shift();
    if (error !== undefined) throw error;
    // Waits for as long as it takes: the tests are about what arrives, not about how long an empty pull lasts.
    while (this.#waiting.length === 0 && !request.signal.aborted) {
      await once(this, 'added', { signal: request.signal }).catch(() => undefined);
    }
    return request.signal.aborted ? [] : this.#waiting.splice(0, request.maxMessages);
  }

  /** Resolves once so many pulls have begun: all but the last have handed out their messages then. */
  async pulled(count: number): Promise<void> {
    while (this.pulls.length < count) await once(this, 'pulled');
  }

  async close(): Promise<void> {
    this.closed = true;
    this.emit('closed');
    if (this.closeError !== undefined) throw this.closeError;
  }

  #message(id: string): ReceivedMessage {
    const settle = async (how: string) => {
      this.settled.push(`${id} ${how}`);
      this.emit('settled', id);
      return true;
    };
    return {
      id,
      data: id,
      attributes: {},
      deliveryAttempt: 1,
      publishedAt: new Date(0),
      ack: () => settle('acked'),
      nack: (delayMs = 0) =>
        this.unanswered.has(id) ? Promise.withResolvers<boolean>().promise : settle(`nacked ${delayMs}`),
      deadLetter: () => settle('dead-lettered'),
      extendLease: async (leaseMs) => {
        this.emit('extended', id, leaseMs);
        return true;
      },
    };
  }
}

interface Bench {
  readonly subscription: MemorySubscription;
  readonly stop: AbortController;
  readonly logged: string[];
  readonly done: Promise<void>;
}

function start(handle: ConsumeOptions['handle'], options: Partial<ConsumeOptions> = {}): Bench {
  const subscription = new MemorySubscription();
  const stop = new AbortController();
  const logged: string[] = [];
  const done = consumeMessages({
    subscription,
    maxMessagesInFlight: 3,
    maxMessagesPerPull: 2,
    leaseMs: 60_000,
    drainMs: 60_000,
    stop: stop.signal,
    logger: pino({ base: null }, { write: (line) => void logged.push(line) }),
    handle,
    ...options,
  });
  return { subscription, stop, logged, done };
}

function stateError(code: StateErrorCode): StateError {
  return new StateError(code, code, { op: 'pull' });
}

/** A gate that handlers wait at until it is opened. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}

/** Those of tests before may not have run out yet. */
async function noTimers(): Promise<void> {
  while (timers() > 0) await new Promise(setImmediate);
}

test('every message is handled, never more at a time than allowed', async () => {
  let running = 0;
  let most = 0;
  const handled = new Set<string>();
  const { subscription, stop, done } = start(async (message) => {
    running++;
    most = Math.max(most, running);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    running--;
    handled.add(message.id);
    await message.ack();
    if (handled.size === 20) stop.abort();
  });
  subscription.add(...Array.from({ length: 20 }, (_, i) => `m${i}`));
  await done;
  expect(handled.size).toBe(20);
  expect(most).toBe(3);
  expect(subscription.settled.every((line) => line.endsWith(' acked'))).toBe(true);
  for (const { maxMessages } of subscription.pulls) {
    expect(maxMessages).toBeGreaterThan(0);
    expect(maxMessages).toBeLessThanOrEqual(2);
  }
  expect(subscription.closed).toBe(true);
});

test('nothing is pulled while every place is taken', async () => {
  const { opened, open } = gate();
  const { subscription, stop, done } = start(async (message) => {
    await opened;
    await message.ack();
  });
  subscription.add('a', 'b', 'c', 'd', 'e');
  await subscription.pulled(2);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(subscription.pulls.map(({ maxMessages }) => maxMessages)).toEqual([2, 1]);
  open();
  await subscription.pulled(3);
  stop.abort();
  await done;
});

test('leases of messages under way are prolonged until they are settled', async () => {
  await noTimers();
  const { opened, open } = gate();
  const { subscription, stop, done } = start(
    async (message) => {
      await opened;
      await message.ack();
    },
    { leaseMs: 30 },
  );
  subscription.add('a', 'b');
  const extended = new Map<string, number>();
  for await (const [id, leaseMs] of on(subscription, 'extended') as AsyncIterable<[string, number]>) {
    expect(leaseMs).toBe(30);
    extended.set(id, (extended.get(id) ?? 0) + 1);
    if ([...extended.values()].filter((count) => count >= 2).length === 2) break;
  }
  open();
  stop.abort();
  await done;
  expect(subscription.settled).toEqual(['a acked', 'b acked']);
  expect(timers()).toBe(0);
});

test('a lease that cannot be extended is told of and the work goes on', async () => {
  const { opened, open } = gate();
  const bench = start(
    async (message) => {
      await opened;
      await message.ack();
    },
    { leaseMs: 3 },
  );
  bench.subscription.on('extended', () => {
    open();
    throw new Error('deadline exceeded');
  });
  bench.subscription.add('a');
  await once(bench.subscription, 'settled');
  bench.stop.abort();
  await bench.done;
  expect(bench.subscription.settled).toEqual(['a acked']);
  expect(bench.logged.join('')).toContain('deadline exceeded');
});

test('a message that a handler left by throwing is handed back after a while, and the others go on', async () => {
  const { subscription, stop, logged, done } = start(async (message) => {
    if (message.id === 'bad') throw new Error('state store is gone');
    await message.ack();
  });
  subscription.add('bad', 'good');
  while (subscription.settled.length < 2) await once(subscription, 'settled');
  stop.abort();
  await done;
  expect(subscription.settled.toSorted()).toEqual(['bad nacked 10000', 'good acked']);
  expect(logged).toHaveLength(1);
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({ level: 50, messageId: 'bad', code: 'UNEXPECTED' });
});

test('a queue that does not answer keeps no place taken by a message that it should take back', async () => {
  const { subscription, stop, logged, done } = start(
    async (message) => {
      if (message.id === 'bad') throw new Error('the queue is away');
      await message.ack();
    },
    { maxMessagesInFlight: 1, handBackMs: 5 },
  );
  subscription.unanswered.add('bad');
  subscription.add('bad', 'good');
  await once(subscription, 'settled');
  stop.abort();
  await done;
  expect(subscription.settled).toEqual(['good acked']);
  expect(JSON.parse(logged[1] ?? '')).toMatchObject({ level: 40, messageId: 'bad', answered: false });
});

describe('after a pull that failed', () => {
  test('for now, pulling goes on, after waits that grow', async () => {
    const { subscription, stop, logged, done } = start((message) => message.ack().then(() => undefined), {
      pullRetry: { baseDelayMs: 2, maxDelayMs: 5 },
    });
    subscription.pullErrors.push(...Array.from({ length: 5 }, () => stateError('STATE_UNAVAILABLE')));
    subscription.add('a');
    await subscription.pulled(7);
    subscription.add('b');
    while (subscription.settled.length < 2) await once(subscription, 'settled');
    stop.abort();
    await done;
    expect(subscription.settled).toEqual(['a acked', 'b acked']);
    const lines = logged.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toHaveLength(5);
    for (const [index, line] of lines.entries()) {
      expect(line).toMatchObject({ level: 40, code: 'STATE_UNAVAILABLE', reason: 'STATE_UNAVAILABLE' });
      expect(line['delayMs']).toBeLessThan(Math.min(5, 2 ** (index + 1)));
    }
  });

  test('for now, the stop ends the wait', async () => {
    const { subscription, stop, done } = start(() => Promise.reject(new Error('not expected')), {
      pullRetry: { baseDelayMs: 1e9, maxDelayMs: 1e9 },
    });
    subscription.pullErrors.push(stateError('STATE_UNAVAILABLE'));
    await subscription.pulled(1);
    stop.abort();
    await done;
    expect(subscription.pulls).toHaveLength(1);
  });

  test.each([
    stateError('STATE_STORAGE_FULL'),
    stateError('STATE_READ_ONLY'),
    stateError('STATE_CORRUPT'),
    new TypeError('a defect'),
  ])('for good, what is under way is handed back and the reason is thrown: $message', async (failure) => {
    const reasons: unknown[] = [];
    const { subscription, logged, done } = start(
      async (_message, signal) => {
        if (!signal.aborted) await once(signal, 'abort');
        reasons.push(signal.reason);
        signal.throwIfAborted();
      },
      { maxMessagesInFlight: 4 },
    );
    subscription.add('a', 'b');
    await subscription.pulled(2);
    // The pull that waits is the last that succeeds.
    subscription.pullErrors.push(failure);
    subscription.add('c');
    const thrown: unknown = await done.catch((error: unknown) => error);
    expect(thrown).toBe(failure);
    expect(reasons).toEqual([failure, failure, failure]);
    expect(subscription.settled.toSorted()).toEqual(['a nacked 0', 'b nacked 0', 'c nacked 0']);
    expect(subscription.closed).toBe(true);
    expect(logged).toEqual([]);
  });
});

describe('after the stop', () => {
  test('nothing is pulled any more, and what is under way is finished', async () => {
    const { opened, open } = gate();
    const { subscription, stop, done } = start(async (message) => {
      await opened;
      await message.ack();
    });
    subscription.add('a', 'b');
    await subscription.pulled(2);
    stop.abort();
    const pulls = subscription.pulls.length;
    subscription.add('late');
    open();
    await done;
    expect(subscription.pulls).toHaveLength(pulls);
    expect(subscription.settled).toEqual(['a acked', 'b acked']);
    expect(subscription.closed).toBe(true);
  });

  test('the subscription is closed at once; should that fail, it is told when the handlers have ended', async () => {
    const { subscription, stop, done } = start(async (message) => {
      if (!subscription.closed) await once(subscription, 'closed');
      await new Promise(setImmediate);
      await message.ack();
    });
    subscription.closeError = new Error('it does not close');
    subscription.add('a');
    await subscription.pulled(2);
    stop.abort();
    await expect(done).rejects.toBe(subscription.closeError);
    expect(subscription.settled).toEqual(['a acked']);
  });

  test('what is not finished in time is told to end and handed back at once', async () => {
    const { subscription, stop, logged, done } = start(
      async (_message, signal) => {
        if (!signal.aborted) await once(signal, 'abort');
        signal.throwIfAborted();
      },
      { drainMs: 10 },
    );
    subscription.add('slow');
    await subscription.pulled(2);
    stop.abort();
    await done;
    expect(subscription.settled).toEqual(['slow nacked 0']);
    // Handing back at the end is no failure of the message.
    expect(logged).toEqual([]);
  });

  test('a handler that does not end is left behind', async () => {
    await noTimers();
    const { opened, open } = gate();
    const { subscription, stop, logged, done } = start(
      (message) => (message.id === 'deaf' ? opened : Promise.resolve()),
      {
        drainMs: 5,
        abortGraceMs: 5,
      },
    );
    subscription.add('deaf', 'done');
    await subscription.pulled(2);
    stop.abort();
    await done;
    expect(subscription.closed).toBe(true);
    expect(logged).toHaveLength(1);
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({ level: 40, messages: 1 });
    expect(timers()).toBe(0);
    open();
  });

  test('that came first, not even one message is pulled', async () => {
    const { subscription, done } = start(() => Promise.reject(new Error('not expected')), {
      stop: AbortSignal.abort(),
    });
    subscription.add('a');
    await done;
    expect(subscription.pulls).toEqual([]);
    expect(subscription.closed).toBe(true);
  });
});
