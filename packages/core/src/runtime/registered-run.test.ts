import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateError } from '../domain/errors.ts';
import type { RunRecord, StateStore } from '../ports/state-store.ts';
import { type EmbeddedState, openEmbeddedState } from '../state/open-embedded-state.ts';
import { createProcessIdentity, createRunId, PROCESS_TOKEN, processUser } from './process-identity.ts';
import { jobNameOf, type RegisteredRun, withRegisteredRun } from './registered-run.ts';

const OTHER_TOKEN = PROCESS_TOKEN === '00000000' ? '00000001' : '00000000';

let directory: string;
let state: EmbeddedState;
let logged: string[];
let run: RegisteredRun;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'registered-run-'));
  const identity = createProcessIdentity();
  state = await openEmbeddedState(join(directory, 'state.db'), { owner: identity.id });
  logged = [];
  run = {
    stateStore: state.stateStore,
    job: 'run',
    identity,
    logger: pino({ messageKey: 'message' }, { write: (line) => void logged.push(line) }),
    heartbeatMs: 1,
  };
});

afterEach(async () => {
  await state.close();
  rmSync(directory, { recursive: true });
});

function rows(): Record<string, unknown>[] {
  const database = new DatabaseSync(join(directory, 'state.db'), { readOnly: true });
  const found = database.prepare('SELECT * FROM object_transfer_state_runs ORDER BY started_at, run_id').all();
  database.close();
  return found;
}

function begin(runId: string, change: Partial<Parameters<StateStore['beginRun']>[0]> = {}): Promise<void> {
  return state.stateStore.beginRun({
    runId,
    job: 'run',
    host: hostname(),
    pid: process.pid,
    staleAfterMs: 30_000,
    isAlive: () => true,
    ...change,
  });
}

test('a run is registered under the token of its process, and its row says how it ended', async () => {
  const value = await withRegisteredRun(run, async (runId, lost) => {
    expect(runId).toMatch(new RegExp(`^${PROCESS_TOKEN}-[0-9a-f-]{36}(@\\d+)?$`));
    expect(lost.aborted).toBe(false);
    expect(rows()).toMatchObject([{ run_id: runId, status: 'RUNNING' }]);
    return { succeeded: true, exitMessage: 'all verified', value: 7 };
  });
  expect(value).toBe(7);
  expect(rows()).toMatchObject([{ status: 'SUCCEEDED', exit_message: 'all verified' }]);
});

test('what the work throws is thrown, and kept in the row', async () => {
  const failure = new StateError('STATE_CORRUPT', 'broken', { op: 'claim' });
  await expect(withRegisteredRun(run, () => Promise.reject(failure))).rejects.toBe(failure);
  expect(rows()).toMatchObject([{ status: 'FAILED', exit_message: 'STATE_CORRUPT: broken' }]);
});

test('a run of this process keeps another one out', async () => {
  await withRegisteredRun(run, async () => {
    const second = withRegisteredRun(run, () => Promise.reject(new Error('not expected')));
    await expect(second).rejects.toMatchObject({ code: 'STATE_RUN_ACTIVE' });
    return { succeeded: true, exitMessage: '', value: undefined };
  });
});

test('a run of the process before, of the same host and number, is taken over at once', async () => {
  await begin(createRunId().replace(PROCESS_TOKEN, OTHER_TOKEN));
  await withRegisteredRun(run, () => Promise.resolve({ succeeded: true, exitMessage: '', value: undefined }));
  expect(rows()).toMatchObject([{ status: 'ABANDONED' }, { status: 'SUCCEEDED' }]);
});

test('a run of another container, of the same host name and number, is not taken for a dead one', async () => {
  await begin(`${OTHER_TOKEN}-550e8400-e29b-41d4-a716-446655440000@1`);
  const second = withRegisteredRun(run, () => Promise.reject(new Error('not expected')));
  await expect(second).rejects.toMatchObject({ code: 'STATE_RUN_ACTIVE' });
  expect(rows()).toMatchObject([{ status: 'RUNNING' }]);
});

test('a run that is taken over is told to stop, and leaves the row of its successor and its own alone', async () => {
  const taken = withRegisteredRun(run, async (runId, lost) => {
    await begin(`${OTHER_TOKEN}-successor`, { isAlive: () => false });
    if (!lost.aborted) await once(lost, 'abort');
    expect(lost.reason).toMatchObject({ code: 'STATE_LEASE_LOST', source: runId });
    throw lost.reason;
  });
  await expect(taken).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
  expect(rows().toSorted((a, b) => String(a['status']).localeCompare(String(b['status'])))).toMatchObject([
    { status: 'ABANDONED', exit_message: expect.stringContaining('taken over') as string },
    { run_id: `${OTHER_TOKEN}-successor`, status: 'RUNNING' },
  ]);
  expect(logged).toEqual([]);
});

test('a run that ends without having noticed that it was taken over fails', async () => {
  const taken = withRegisteredRun({ ...run, heartbeatMs: 600_000 }, async () => {
    await begin(`${OTHER_TOKEN}-successor`, { isAlive: () => false });
    return { succeeded: true, exitMessage: '', value: undefined };
  });
  await expect(taken).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
  expect(logged).toEqual([]);
});

test('a heartbeat that cannot be stored is told of, and the run goes on', async () => {
  const told = Promise.withResolvers<void>();
  let beats = 0;
  const stateStore: RegisteredRun['stateStore'] = {
    beginRun: (request) => state.stateStore.beginRun(request),
    endRun: (...end) => state.stateStore.endRun(...end),
    heartbeatRun: (runId) => {
      beats++;
      if (beats === 1) return Promise.reject(new StateError('STATE_UNAVAILABLE', 'locked', { op: 'heartbeatRun' }));
      told.resolve();
      return state.stateStore.heartbeatRun(runId);
    },
  };
  await withRegisteredRun({ ...run, stateStore }, async (_runId, lost) => {
    await told.promise;
    expect(lost.aborted).toBe(false);
    return { succeeded: true, exitMessage: '', value: undefined };
  });
  expect(logged).toHaveLength(1);
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({
    code: 'STATE_UNAVAILABLE',
    reason: 'locked',
    message: 'the heartbeat of this run could not be stored',
  });
});

test('a job that may run several times at once does, and each row says what it is', async () => {
  const shared = { ...run, job: 'worker rsync', isShared: true };
  const counters = { subfoldersDone: 0 };
  const work = async (): Promise<{ succeeded: true; exitMessage: string; value: readonly RunRecord[] }> => {
    counters.subfoldersDone++;
    return { succeeded: true, exitMessage: '', value: await state.stateStore.listRuns({ running: true, limit: 10 }) };
  };
  const seen = await withRegisteredRun(shared, async () => {
    const value = await withRegisteredRun({ ...shared, counters: () => counters }, work);
    return { succeeded: true, exitMessage: '', value };
  });
  expect(seen.map(jobNameOf)).toEqual(['worker rsync', 'worker rsync']);
  expect(seen.map(({ userName }) => userName)).toEqual([processUser(), processUser()]);
  expect((await state.stateStore.listRuns({ limit: 10 })).map((ended) => ended.counters)).toContainEqual({
    subfoldersDone: 1,
  });
});

test('a process that is told to stop does not wait for a state that is away to begin its run', async () => {
  const stop = new AbortController();
  const away = { ...state.stateStore, beginRun: () => new Promise<void>(() => undefined) };
  const begun = withRegisteredRun({ ...run, stateStore: away, signal: stop.signal }, () => {
    throw new Error('not expected');
  });
  stop.abort(new Error('told to stop'));
  await expect(begun).rejects.toThrow('told to stop');
});

test('work that lost a lease of its own has failed, and was not taken over', async () => {
  const lost = new StateError('STATE_LEASE_LOST', 'of a subfolder', { op: 'sync' });
  await expect(withRegisteredRun(run, () => Promise.reject(lost))).rejects.toBe(lost);
  expect(rows()).toMatchObject([{ status: 'FAILED' }]);
});
