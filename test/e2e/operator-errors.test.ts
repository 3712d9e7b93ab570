import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { openError, OperatorRig } from './operator-rig.ts';

let rig: OperatorRig;
let state: EmbeddedState;
beforeEach(async () => {
  rig = await OperatorRig.start();
  state = await rig.open();
  await state.stateStore.addSubfolders(['', 'a/', 'b/']);
  await state.stateStore.recordObjectErrors([
    openError('a/', '1 "é"', 'SOURCE_NOT_FOUND', 'no such\nkey'),
    openError('a/', '2', 'CHECK_MISSING'),
    openError('b/', '3', 'CHECK_EXTRA'),
    openError('b/', '4', 'CHECK_MISSING'),
    // Of a key that was published by hand.
    openError('elsewhere/', '5', 'SOURCE_NOT_FOUND'),
  ]);
});
afterEach(() => rig[Symbol.asyncDispose]());

async function json(...args: readonly string[]): Promise<unknown> {
  const result = await rig.command(...args, '--json');
  expectExitCode(result, 0);
  return JSON.parse(result.stdout);
}

/** Takes all that waits on the topic of the objects. */
async function publishedKeys(): Promise<readonly string[]> {
  const { signal } = new AbortController();
  const subscription = state.queue.subscribe('objects');
  const messages = await subscription.pull({ maxMessages: 1000, leaseMs: 60_000, waitMs: 0, signal });
  for (const message of messages) await message.ack();
  return messages.map(({ data }) => data).toSorted();
}

describe('errors list', () => {
  it('counts by code and shows each error in one line', async () => {
    const result = await rig.command('errors', 'list');
    expectExitCode(result, 0);
    expect(result.stdout.split('\n').map((line) => line.trim())).toEqual([
      '5 open errors',
      '2  CHECK_MISSING',
      '2  SOURCE_NOT_FOUND',
      '1  CHECK_EXTRA',
      '',
      String.raw`SOURCE_NOT_FOUND  "root/a/1 \"é\"": no such key`,
      'CHECK_MISSING  "root/a/2": CHECK_MISSING of 2',
      'CHECK_EXTRA  "root/b/3": CHECK_EXTRA of 3',
      'CHECK_MISSING  "root/b/4": CHECK_MISSING of 4',
      'SOURCE_NOT_FOUND  "root/elsewhere/5": SOURCE_NOT_FOUND of 5',
      '',
    ]);
  });

  it.each([
    { flags: ['--code', 'CHECK_MISSING'], total: 2, keys: ['root/a/2', 'root/b/4'] },
    { flags: ['--dir', 'b'], total: 2, keys: ['root/b/3', 'root/b/4'] },
    { flags: ['--dir', 'elsewhere/'], total: 1, keys: ['root/elsewhere/5'] },
    { flags: ['--dir', ''], total: 0, keys: [] },
    { flags: ['--limit', '2'], total: 5, keys: ['root/a/1 "é"', 'root/a/2'] },
    { flags: ['--limit', '0'], total: 5, keys: [] },
  ])('with $flags shows those alone', async ({ flags, total, keys }) => {
    const listed = (await json('errors', 'list', ...flags)) as { readonly errors: readonly { readonly key: string }[] };
    expect(listed).toMatchObject({ total });
    expect(listed.errors.map(({ key }) => key)).toEqual(keys);
  });

  it.each([
    { flags: ['--dir', 'no-such-dir'], named: 'no subfolder "no-such-dir/"' },
    { flags: ['--limit', 'many'], named: '--limit' },
  ])('refuses $flags', async ({ flags, named }) => {
    const result = await rig.command('errors', 'list', ...flags);
    expectExitCode(result, 2);
    expect(result.stderr).toContain(named);
  });
});

describe('errors retry', () => {
  it('publishes the keys once more, but for extra objects, and leaves the errors open', async () => {
    expect(await json('errors', 'retry', '--dry-run')).toEqual({ published: 4, extra: 1, dryRun: true });
    expect(await publishedKeys()).toEqual([]);

    const result = await rig.command('errors', 'retry');
    expectExitCode(result, 0);
    expect(result.stdout).toBe(
      '4 keys published again to objects; 1 error left out: the object is at the destination only\n',
    );
    expect(await publishedKeys()).toEqual([
      String.raw`["root/a/1 \"é\""]`,
      '["root/a/2"]',
      '["root/b/4"]',
      '["root/elsewhere/5"]',
    ]);
    expect(await json('errors', 'list')).toMatchObject({ total: 5 });
  });

  it.each([
    { flags: ['--code', 'CHECK_MISSING', '--dir', 'a/'], published: ['["root/a/2"]'] },
    { flags: ['--code', 'CHECK_EXTRA'], published: [] },
  ])('with $flags publishes those alone', async ({ flags, published }) => {
    await json('errors', 'retry', ...flags);
    expect(await publishedKeys()).toEqual(published);
  });

  it('publishes more errors than it keeps in memory, each once', async () => {
    const many = Array.from({ length: 1200 }, (_, index) => openError('b/', `many ${index}`, 'SOURCE_TIMEOUT'));
    await state.stateStore.recordObjectErrors(many);
    expect(await json('errors', 'retry', '--code', 'SOURCE_TIMEOUT')).toMatchObject({ published: 1200 });
    const keys = [...(await publishedKeys()), ...(await publishedKeys())];
    expect(new Set(keys)).toEqual(new Set(many.map(({ key }) => JSON.stringify([key]))));
    expect(keys).toHaveLength(1200);
  });
});
