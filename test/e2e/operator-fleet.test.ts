import { writeFile } from 'node:fs/promises';
import { openMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { configuredBy, Fleet, PROJECT } from './fleet.ts';
import { beginRunElsewhere, openError } from './operator-rig.ts';
import { pullFrom } from './pubsub-client.ts';
import { ENTITIES, prepareFleet, putReferenceConfiguration, ROOT, SUBSCRIPTION } from './reference-configuration.ts';
import { putObjects } from './source-objects.ts';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await Fleet.start();
  putReferenceConfiguration(fleet);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const WORKER = configuredBy(ENTITIES.worker);
const PUBLISHER = configuredBy(ENTITIES.publisher);

/** Two folders of ten objects each, listed and published. */
async function publishAll(): Promise<void> {
  const names = ['2018', '2019'].flatMap((folder) => Array.from({ length: 10 }, (_, i) => `${ROOT}/${folder}/${i}`));
  putObjects(fleet.rehearsal.source, new Map(names.map((name) => [name, Buffer.from('x')])));
  await prepareFleet(fleet);
  await writeFile(fleet.rehearsal.path('dump.txt'), '2018/\n2019/\n');
  const dump = configuredBy(ENTITIES.dump);
  expectExitCode(await fleet.command('dump', ...dump, '--dump-file', 'dump.txt'), 0);
  expectExitCode(await fleet.command('publisher', 'objects', ...PUBLISHER), 0);
}

async function json(...args: readonly string[]): Promise<unknown> {
  const result = await fleet.command(...args, '--json');
  expectExitCode(result, 0);
  return JSON.parse(result.stdout);
}

/** The state, as a module opens it. */
async function withState<T>(use: (state: Awaited<ReturnType<typeof openMysqlState>>) => Promise<T>): Promise<T> {
  const state = await openMysqlState({ connection: fleet.home.connection, table: fleet.table });
  try {
    return await use(state);
  } finally {
    await state.close();
  }
}

function waitingMessages(): number | undefined {
  return fleet.pubsub.stats().subscriptions[`projects/${PROJECT}/subscriptions/${SUBSCRIPTION}`]?.waiting;
}

describe("the operator's commands, on MySQL and Pub/Sub by the entities of the modules", () => {
  it('status reads the tables, and creates none', async () => {
    const missing = await fleet.command('status', ...WORKER);
    expectExitCode(missing, 2);
    expect(missing.stderr).toContain('CONFIG_STATE_MISSING');
    expect(await fleet.home.query('SHOW TABLES')).toEqual([]);

    await publishAll();
    await withState((stateStore) =>
      beginRunElsewhere({ stateStore }, 'worker cdnTransfer#1', { objectsTransferred: 3, bytesTransferred: 3 }),
    );
    for (const entity of Object.values(ENTITIES)) {
      expect(await json('status', ...configuredBy(entity))).toMatchObject({
        state: `MySQL table ${fleet.table}`,
        subfolders: { listed: 3, waiting: 0, published: 3, checked: 0 },
        objects: { published: 20, transferred: 3 },
        bytes: { published: 20, transferred: 3 },
        runs: expect.arrayContaining([expect.objectContaining({ job: 'worker cdnTransfer', alive: true })]) as unknown,
      });
    }
  });

  it('reset makes rows due again, and empties the subscription, but not while workers are alive', async () => {
    await publishAll();
    const messages = waitingMessages();
    expect(messages).toBeGreaterThan(0);
    const runId = await withState((stateStore) => beginRunElsewhere({ stateStore }, 'worker cdnTransfer#1'));
    const unnamed = ['reset', 'cdn-transfer', ...WORKER, '--all', '--yes', '--purge'];
    const reset = [...unnamed, '--pubsub-subscription-id', SUBSCRIPTION];
    const refused = await fleet.command(...reset);
    expectExitCode(refused, 3);
    expect(refused.stderr).toContain('worker cdnTransfer on worker-vm-1');
    expect(waitingMessages()).toBe(messages);

    expectExitCode(await fleet.command('abandon', ...WORKER, runId, '--force'), 0);
    const withoutName = await fleet.command(...unnamed);
    expectExitCode(withoutName, 2);
    expect(withoutName.stderr).toContain('name it by --pubsub-subscription-id');
    expect(waitingMessages()).toBe(messages);

    expect(await json(...reset)).toEqual({
      reset: 'cdn-transfer',
      subfolders: 3,
      dryRun: false,
      purged: { subscription: SUBSCRIPTION },
    });
    expect(waitingMessages()).toBe(0);
    const rows = await fleet.home.query(`SELECT DISTINCT initial_transfer, cdn_transfer_published FROM ${fleet.table}`);
    expect(rows).toEqual([{ initial_transfer: 1, cdn_transfer_published: 0 }]);
  });

  it('errors retry publishes to the topic of the publisher, and needs its entity', async () => {
    await prepareFleet(fleet);
    await withState(async (state) => {
      await state.addSubfolders(['', '2018/']);
      await state.recordObjectErrors([
        openError('2018/', 'É', 'CHECK_MISSING'),
        openError('2018/', 'x', 'CHECK_EXTRA'),
      ]);
    });
    const refused = await fleet.command('errors', 'retry', ...WORKER);
    expectExitCode(refused, 2);
    expect(refused.stderr).toContain('pubsub_topic_id');

    expect(await json('errors', 'retry', ...PUBLISHER, '--dir', '2018')).toMatchObject({ published: 1, extra: 1 });
    expect(await pullFrom(fleet, SUBSCRIPTION, 1)).toMatchObject([{ data: '["root/2018/É"]' }]);
    expect(await json('errors', 'list', ...WORKER)).toMatchObject({ total: 2 });
    const diff = await fleet.command('diff', ...WORKER, '--format', 'manifest');
    expect(diff.stdout).toBe('{"dir":"2018/","key":"root/2018/É"}\n');
  });
});
