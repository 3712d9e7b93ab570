import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeObjectMessage, encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import type { ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import { settleMessage, type SettleContext } from '@object-transfer/worker/cdn-transfer/settle-message';
import { TransferCounters } from '@object-transfer/worker/cdn-transfer/transfer-counters';
import { Clouds, isGet, never } from '../../fixtures/clouds.ts';
import { LEASE_MS, openTestState, type TestState } from './embedded-state.ts';

let clouds: Clouds;
let state: TestState;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
beforeEach(async () => {
  state = await openTestState();
});
afterEach(async () => {
  clouds.heal();
  await state.close();
});

function settling(overrides: Partial<SettleContext> = {}): SettleContext {
  return {
    transfer: clouds.transferContext({ retryPolicy: { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1 } }),
    stateStore: state.stateStore,
    publisher: state.queue,
    errorTopic: 'errors',
    counters: new TransferCounters(),
    logger: pino({ level: 'silent' }),
    maxDeliveries: 3,
    ...overrides,
  };
}

async function publish(data: string, attributes: Record<string, string> = {}): Promise<ReceivedMessage> {
  await state.queue.publish('objects', [{ data, attributes }]);
  return state.pullOne('objects');
}

function listed(dir: string, ...names: readonly string[]): string {
  return encodeObjectMessage(
    dir,
    names.map((name) => clouds.put(dir + name, `content of ${name}`)),
  );
}

function failAtCdn(key: string, status: number): void {
  clouds.break('cdn', (request, response) => {
    if (!isGet(key)(request)) return false;
    response.writeHead(status).end();
    return true;
  });
}

const EMPTY = { waiting: 0, leased: 0, deadLettered: 0 };

describe('a message', () => {
  test('is acked once every key of it has arrived', async () => {
    const context = settling();
    await settleMessage(context, await publish(listed('a/', '1', '2', '3')), never);
    for (const name of ['1', '2', '3']) {
      expect((await clouds.arrived(`a/${name}`))?.bytes.toString()).toBe(`content of ${name}`);
    }
    expect(await state.queue.backlog('objects')).toEqual(EMPTY);
    expect(context.counters.toRecord()).toMatchObject({
      messages: 1,
      objectsTransferred: 3,
      bytesTransferred: 36,
      objectsFailed: 0,
      objectsSkipped: 0,
    });
  });

  test.each([(key: string) => JSON.stringify([key]), (key: string) => JSON.stringify([[key]])])(
    'of the reference tool is understood: %#',
    async (encode) => {
      clouds.put('reference/x', 'abc');
      const context = settling();
      await settleMessage(context, await publish(encode('reference/x')), never);
      expect((await clouds.arrived('reference/x'))?.bytes.toString()).toBe('abc');
      expect(await state.queue.backlog('objects')).toEqual(EMPTY);
    },
  );

  test('delivered twice moves its objects once', async () => {
    const context = settling();
    const data = listed('twice/', '1', '2');
    await settleMessage(context, await publish(data), never);
    const requests = clouds.cdn.stats.requests;
    await settleMessage(context, await publish(data), never);
    expect(clouds.cdn.stats.requests).toBe(requests);
    expect(context.counters.toRecord()).toMatchObject({ messages: 2, objectsTransferred: 2, objectsSkipped: 2 });
  });

  test.each([
    ['acked', () => listed('lost/', 'acked'), { messages: 1, objectsSkipped: 1, objectsTransferred: 0 }],
    ['handed back', () => listed('lost/', 'back', 'broken'), { messages: 0, objectsSkipped: 1, objectsTransferred: 0 }],
    ['set aside', () => '{"v":2,"objects":7}', { poisonMessages: 1 }],
  ])('whose lease was lost before it was %s is counted only by whoever has it next', async (_, encode, counted) => {
    const message = await publish(encode());
    failAtCdn('lost/broken', 503);
    state.advance(LEASE_MS);
    const again = await state.pullOne('objects');
    const loser = settling();
    await settleMessage(loser, message, never);
    expect(loser.counters.toRecord()).toEqual(new TransferCounters().toRecord());
    const context = settling();
    await settleMessage(context, again, never);
    expect(context.counters.toRecord()).toMatchObject(counted);
  });

  test('is not acked before its last key is settled', async () => {
    const message = await publish(listed('order/', '1', '2'));
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: slowAsked, resolve: onSlowAsked } = Promise.withResolvers<void>();
    clouds.break('cdn', async (request) => {
      if (!isGet('order/2')(request)) return false;
      onSlowAsked();
      await gate;
      return false;
    });
    const settled = settleMessage(settling(), message, never);
    await slowAsked;
    expect(await state.queue.backlog('objects')).toEqual({ ...EMPTY, leased: 1 });
    open();
    await settled;
    expect(await state.queue.backlog('objects')).toEqual(EMPTY);
  });

  test('that nobody can use is set aside with the reason, and never comes back', async () => {
    const context = settling();
    await settleMessage(context, await publish('{"v":2,"objects":7}'), never);
    expect(await state.queue.backlog('objects')).toEqual({ ...EMPTY, deadLettered: 1 });
    expect(context.counters.toRecord()).toMatchObject({ poisonMessages: 1, messages: 0 });
  });
});

describe('a key that fails for good', () => {
  test('goes to the error topic alone, with attempt, code and message; the message is acked', async () => {
    const context = settling();
    const data = listed('mixed/', 'good', 'bad');
    failAtCdn('mixed/bad', 401);
    await settleMessage(context, await publish(data), never);
    expect(await state.queue.backlog('objects')).toEqual(EMPTY);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, objectsTransferred: 1, objectsFailed: 1 });

    const error = await state.pullOne('errors');
    const decoded = decodeObjectMessage(error.data);
    expect(decoded.dir).toBe('mixed/');
    expect(decoded.objects.map(({ key, expected }) => [key, expected?.sizeBytes])).toEqual([['mixed/bad', 14]]);
    expect(error.attributes).toMatchObject({ attempt: '1', code: 'SOURCE_FORBIDDEN' });
    expect(error.attributes['message']).toContain('401');
    expect(await state.stateStore.listOpenObjectErrors({ limit: 10 })).toMatchObject([
      { dirKey: 'mixed/', key: 'mixed/bad', code: 'SOURCE_FORBIDDEN', attempts: 1 },
    ]);
  });

  test('and whose size nobody knew is handed on in the shape of the reference tool', async () => {
    await settleMessage(settling(), await publish('["nowhere"]'), never);
    const error = await state.pullOne('errors');
    expect(JSON.parse(error.data)).toEqual(['nowhere']);
    expect(error.attributes).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });

  test('counts its attempts on, and is no open error any more once it arrives', async () => {
    const data = listed('again/', 'x');
    failAtCdn('again/x', 401);
    await settleMessage(settling(), await publish(data, { attempt: '4' }), never);
    const error = await state.pullOne('errors');
    expect(error.attributes).toMatchObject({ attempt: '5' });
    clouds.heal();
    await settleMessage(settling(), await publish(error.data, error.attributes), never);
    expect(await state.stateStore.listOpenObjectErrors({ limit: 10 })).toEqual([]);
  });

  test('has a message that fits into an attribute, whatever the key', async () => {
    const key = `gone/${'日'.repeat(339)}`;
    await settleMessage(settling(), await publish(JSON.stringify([key])), never);
    const { attributes } = await state.pullOne('errors');
    expect(Buffer.byteLength(attributes['message'] ?? '')).toBeLessThanOrEqual(1024);
    expect(attributes['message']).toMatch(/^S3 has no object "gone\/日{320,}$/);
  });

  test('does so whatever stands in the attributes of its message', async () => {
    await settleMessage(settling(), await publish('["nowhere"]', { attempt: 'many' }), never);
    expect((await state.pullOne('errors')).attributes).toMatchObject({ attempt: '1' });
  });

  test('because of its name does not keep its neighbours from arriving', async () => {
    const data = listed('names/', 'good', 'a\nb', 'x'.repeat(1018));
    // Not even a listing may begin or end with such a name.
    clouds.break('gcs', ({ url }, response) => {
      if (url?.includes('%0A') !== true) return false;
      response.writeHead(400).end();
      return true;
    });
    await settleMessage(settling(), await publish(data), never);
    expect((await clouds.arrived('names/good'))?.bytes.toString()).toBe('content of good');
    expect((await clouds.arrived(`names/${'x'.repeat(1018)}`))?.bytes).toBeDefined();
    expect((await state.pullOne('errors')).attributes).toMatchObject({ code: 'DESTINATION_NAME_FORBIDDEN' });
  });
});

describe('a key that fails for now', () => {
  test('brings the message back after a while; then only it is moved', async () => {
    const context = settling();
    const data = listed('later/', 'good', 'flaky');
    failAtCdn('later/flaky', 503);
    await settleMessage(context, await publish(data), never);
    expect(await state.queue.backlog('objects')).toEqual({ ...EMPTY, waiting: 1 });
    expect(await state.queue.backlog('errors')).toEqual(EMPTY);
    expect(await state.stateStore.listOpenObjectErrors({ limit: 10 })).toEqual([]);

    clouds.heal();
    state.advance(10_000);
    const again = await state.pullOne('objects');
    expect(again.deliveryAttempt).toBe(2);
    await settleMessage(context, again, never);
    expect((await clouds.arrived('later/flaky'))?.bytes.toString()).toBe('content of flaky');
    expect(clouds.cdn.stats.getsByPath.get('/later/good')).toBe(1);
    expect(await state.queue.backlog('objects')).toEqual(EMPTY);
  });

  test('goes to the error topic when its message has come often enough', async () => {
    const context = settling();
    failAtCdn('outage/x', 503);
    await settleMessage(context, await publish(listed('outage/', 'x')), never);
    for (const attempt of [2, 3]) {
      state.advance(300_000);
      const message = await state.pullOne('objects');
      expect(message.deliveryAttempt).toBe(attempt);
      expect(await state.queue.backlog('errors')).toEqual(EMPTY);
      await settleMessage(context, message, never);
    }
    expect(await state.queue.backlog('objects')).toEqual(EMPTY);
    expect((await state.pullOne('errors')).attributes).toMatchObject({ attempt: '3', code: 'SOURCE_UNAVAILABLE' });
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, objectsFailed: 1 });
  });
});

function answerListings(status: number): void {
  clouds.break('gcs', ({ method, url = '' }, response) => {
    if (method !== 'GET' || !url.includes('/o?')) return false;
    response.writeHead(status).end();
    return true;
  });
}

describe('where GCS does not say what is there already', () => {
  test('for good, each of the objects fails of that', async () => {
    const message = await publish(listed('closed/', 'x', 'y'));
    answerListings(403);
    await settleMessage(settling(), message, never);
    expect(await state.queue.backlog('objects')).toEqual(EMPTY);
    for (let error = 0; error < 2; error++) {
      expect((await state.pullOne('errors')).attributes).toMatchObject({ code: 'DESTINATION_FORBIDDEN' });
    }
    const open = await state.stateStore.listOpenObjectErrors({ dirKey: 'closed/', limit: 10 });
    expect(open.map(({ key }) => key)).toEqual(['closed/x', 'closed/y']);
  });

  test('for now, the message stays unsettled', async () => {
    const message = await publish(listed('closed/', 'x'));
    answerListings(503);
    await expect(settleMessage(settling(), message, never)).rejects.toMatchObject({ code: 'DESTINATION_UNAVAILABLE' });
    expect(await state.queue.backlog('objects')).toEqual({ ...EMPTY, leased: 1 });
    expect(await state.queue.backlog('errors')).toEqual(EMPTY);
  });
});

describe('a message is left unsettled', () => {
  test('when the signal aborts, and only when all of its transfers have ended and cleaned up', async () => {
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const objects = [clouds.put('stop/large', 'x'.repeat(20_000)), clouds.put('stop/small', 'x')];
    const message = await publish(encodeObjectMessage('stop/', objects));
    clouds.break('cdn', (request) => {
      if (request.headers.range === 'bytes=12000-12999') controller.abort(reason);
      // The small one is still under way then.
      return isGet('stop/small')(request);
    });
    clouds.gcs.stats.reset();
    const context = settling({ transfer: clouds.transferContext({ partSizeBytes: 1000 }) });
    await expect(settleMessage(context, message, controller.signal)).rejects.toBe(reason);
    expect(clouds.gcs.stats.operations.get('objects.delete')).toBeGreaterThan(0);
    expect([context.transfer.readLimit.active, context.transfer.writeLimit.active]).toEqual([0, 0]);
    expect(context.transfer.budget.usedBytes).toBe(0);
    expect(await state.queue.backlog('objects')).toEqual({ ...EMPTY, leased: 1 });
  });

  test('when the failed keys cannot be handed on', async () => {
    const publisher = {
      publish: () => Promise.reject(new Error('the topic is gone')),
      close: () => Promise.resolve(),
    };
    const message = await publish('["nowhere"]');
    await expect(settleMessage(settling({ publisher }), message, never)).rejects.toThrow('the topic is gone');
    expect(await state.queue.backlog('objects')).toEqual({ ...EMPTY, leased: 1 });
  });
});
