import { hostname } from 'node:os';
import type { RunRecord } from '@object-transfer/core/ports/state-store';
import { createRunId } from '@object-transfer/core/runtime/process-identity';
import { expect, test } from 'vitest';
import { showsLife } from './live-runs.ts';

const NOW = new Date('2026-01-31T18:00:00.000Z');

/** Beyond the largest number that Linux gives to a process: of this host it is gone. */
const NO_PROCESS = 4_194_305;

function run(change: Partial<RunRecord>): RunRecord {
  return {
    runId: createRunId(),
    job: 'run',
    host: hostname(),
    pid: process.pid,
    startedAt: NOW,
    heartbeatAt: NOW,
    endedAt: undefined,
    status: 'RUNNING',
    exitMessage: undefined,
    userName: undefined,
    counters: {},
    ...change,
  };
}

test('a run shows life while its heartbeat is fresh, it has not ended and its process is not known to be gone', () => {
  expect(showsLife(run({}), NOW)).toBe(true);
  expect(showsLife(run({ endedAt: NOW }), NOW)).toBe(false);
  expect(showsLife(run({ heartbeatAt: new Date(NOW.getTime() - 60_000) }), NOW)).toBe(false);
  expect(showsLife(run({ pid: NO_PROCESS }), NOW)).toBe(false);
});

test('a run of another container is not known to be gone, whatever the name of its host', () => {
  expect(showsLife(run({ runId: '0a1b2c3d-550e8400-e29b-41d4-a716-446655440000@1', pid: NO_PROCESS }), NOW)).toBe(true);
});
