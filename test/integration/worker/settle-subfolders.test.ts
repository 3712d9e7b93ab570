import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import { settleSubfolders } from '@object-transfer/worker/subfolders/settle-subfolders';
import { never } from '../../fixtures/clouds.ts';
import { LEASE_MS } from './embedded-state.ts';
import { EMPTY_BACKLOG, SettlingRig, TOPIC } from './settling-rig.ts';
import type { SubfolderRig } from './subfolder-rig.ts';

let settler: SettlingRig;
let rig: SubfolderRig;
beforeEach(async () => {
  settler = await SettlingRig.start();
  ({ rig } = settler);
});
afterEach(() => rig.close());

describe('a message', () => {
  test('is acked once its subfolders are compared, and not before', async () => {
    await settler.fill('a/', 'b/');
    const message = await settler.publishDirs('a/', 'b/');
    const held = settler.gate('gcs');
    const context = settler.settling();
    const settled = settleSubfolders(context, message, never);
    await held.asked;
    expect(await rig.row('a/')).toMatchObject({ syncCheckInProgress: true });
    expect(await settler.backlog()).toEqual({ ...EMPTY_BACKLOG, leased: 1 });
    held.open();
    await settled;
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
    for (const dirKey of ['a/', 'b/']) expect(await rig.status(dirKey)).toBe('verified');
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 2, subfoldersEqual: 2 });
  });

  test.each(['["a/","b/"]', '[["a/","b/"]]', '[["a/"]]', '{"v":2,"dirs":["a/","a/"]}'])(
    'of another shape is understood: %s',
    async (data) => {
      await settler.fill('a/', 'b/');
      const context = settler.settling();
      await settleSubfolders(context, await settler.publish(data), never);
      expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
      expect((await rig.row('a/')).syncCheckFrequency).toBe(1);
      expect((await rig.row('b/')).syncCheckFrequency).toBe(data.includes('b/') ? 1 : 0);
    },
  );

  test('of the root is its row, and of a subfolder without a row nobody is kept waiting', async () => {
    await settler.fill('');
    const context = settler.settling();
    await settleSubfolders(context, await settler.publishDirs('unheard-of/', ''), never);
    expect(await rig.status('')).toBe('verified');
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
    expect(await settler.backlog('errors')).toEqual(EMPTY_BACKLOG);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 1, subfoldersFailed: 0 });
  });

  test.each(['{"v":2,"dirs":[]}', 'a/', '[1]', '[[["a/"]]]', '{"v":3,"dirs":["a/"]}'])(
    'that nobody can use is set aside with the reason, and never comes back: %s',
    async (data) => {
      const context = settler.settling();
      await settleSubfolders(context, await settler.publish(data), never);
      expect(await settler.backlog()).toEqual({ ...EMPTY_BACKLOG, deadLettered: 1 });
      expect(context.counters.toRecord()).toMatchObject({ poisonMessages: 1, messages: 0 });
    },
  );

  test('whose lease was lost is counted only by whoever has it next', async () => {
    await settler.fill('a/');
    const message = await settler.publishDirs('a/');
    rig.state.advance(LEASE_MS);
    const again = await rig.state.pullOne(TOPIC);
    const loser = settler.settling();
    await settleSubfolders(loser, message, never);
    expect(loser.counters.toRecord()).toEqual(new SubfolderCounters().toRecord());
    const requests = rig.listRequests;
    const context = settler.settling();
    await settleSubfolders(context, again, never);
    expect(rig.listRequests).toBe(requests);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersSkipped: 1, subfoldersDone: 0 });
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
  });
});

describe('a message is left unsettled', () => {
  test('when the subfolders that failed cannot be handed on', async () => {
    await settler.fill('a/');
    settler.failListing('a/', 403);
    const publisher = { publish: () => Promise.reject(new Error('the topic is gone')) };
    const message = await settler.publishDirs('a/');
    await expect(settleSubfolders(settler.settling('syncCheck', { publisher }), message, never)).rejects.toThrow(
      'is gone',
    );
    expect(await settler.backlog()).toEqual({ ...EMPTY_BACKLOG, leased: 1 });
  });

  test('and is done anew by its next delivery, although its row has the error', async () => {
    await settler.fill('a/');
    settler.failListing('a/', 403);
    const publisher = { publish: () => Promise.reject(new Error('the topic is gone')) };
    const message = await settler.publishDirs('a/');
    await expect(settleSubfolders(settler.settling('syncCheck', { publisher }), message, never)).rejects.toThrow(
      'is gone',
    );
    await message.nack();
    await settleSubfolders(settler.settling(), await rig.state.pullOne(TOPIC), never);
    expect((await rig.state.pullOne('errors')).attributes).toMatchObject({ code: 'SOURCE_FORBIDDEN', attempt: '2' });
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
  });
});

test('what is wrong with an object is counted', async () => {
  await settler.fill('a/');
  rig.remove('a/x');
  rig.write('a/zulu', 'zulu');
  rig.write('a/y', 'other');
  rig.put('a/y', 'bytes');
  const context = settler.settling();
  await settleSubfolders(context, await settler.publishDirs('a/'), never);
  expect(context.counters.toRecord()).toMatchObject({
    subfoldersDone: 1,
    subfoldersEqual: 0,
    objectsMissing: 1,
    objectsDifferent: 1,
    objectsExtra: 1,
  });
});
