import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import {
  createProcessIdentity,
  createRunId,
  isLeaseOwnerGone,
  isProcessGone,
  isRunGone,
  PROCESS_TOKEN,
} from './process-identity.ts';

const OTHER_TOKEN = PROCESS_TOKEN === '00000000' ? '00000001' : '00000000';

/** What an id ends in where these tests run in a container. */
const NAMESPACE = /@\d+-[\da-f]{8}$/.exec(createProcessIdentity().id)?.[0] ?? '';

async function pidOfExitedChild(): Promise<number> {
  const child = spawn(process.execPath, ['--eval', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

test('an identity names host and process and is never the same twice', () => {
  const one = createProcessIdentity();
  expect(one).toMatchObject({ host: hostname(), pid: process.pid });
  expect(one.id.startsWith(`${hostname()}:${process.pid}:${PROCESS_TOKEN}-`)).toBe(true);
  expect(createProcessIdentity().id).not.toBe(one.id);
});

test('a process is gone once it has exited, on this host', async () => {
  const pid = await pidOfExitedChild();
  expect(isProcessGone(hostname(), pid, OTHER_TOKEN)).toBe(true);
  expect(isProcessGone(hostname(), process.pid, PROCESS_TOKEN)).toBe(false);
  expect(isProcessGone(`not-${hostname()}`, pid, OTHER_TOKEN)).toBe(false);
});

test('a process of somebody else is not gone', () => {
  expect(isProcessGone(hostname(), 1, OTHER_TOKEN)).toBe(false);
});

test('a process of the number of this one is gone where it has another token', () => {
  expect(isProcessGone(hostname(), process.pid, OTHER_TOKEN)).toBe(true);
  expect(isProcessGone(`not-${hostname()}`, process.pid, OTHER_TOKEN)).toBe(false);
  expect(isLeaseOwnerGone(`${hostname()}:${process.pid}:${OTHER_TOKEN}-0a1b${NAMESPACE}#x`)).toBe(true);
});

test('a lease owner is gone with its process, whatever was added to its id', async () => {
  const pid = await pidOfExitedChild();
  for (const added of ['', `-0a1b${NAMESPACE}`, `-0a1b${NAMESPACE}#550e8400-e29b-41d4-a716-446655440000`, '/3', ':1']) {
    expect(isLeaseOwnerGone(`${hostname()}:${pid}:${OTHER_TOKEN}${added}`)).toBe(true);
    expect(isLeaseOwnerGone(`${hostname()}:${process.pid}:${PROCESS_TOKEN}${added}`)).toBe(false);
    expect(isLeaseOwnerGone(`elsewhere:${pid}:${OTHER_TOKEN}${added}`)).toBe(false);
  }
  expect(isLeaseOwnerGone(createProcessIdentity().id)).toBe(false);
});

test('nobody can tell about a process in another container, whatever the name of its host', async () => {
  const pid = await pidOfExitedChild();
  expect(isLeaseOwnerGone(`${hostname()}:${pid}:${OTHER_TOKEN}-0a1b@1`)).toBe(false);
  expect(isLeaseOwnerGone(`${hostname()}:${process.pid}:${OTHER_TOKEN}-0a1b@1#x`)).toBe(false);
});

test('a run is gone with its process, and nobody can tell about one in another container', async () => {
  const pid = await pidOfExitedChild();
  const before = createRunId().replace(PROCESS_TOKEN, OTHER_TOKEN);
  const there = `${before.slice(0, before.length - NAMESPACE.length)}@1`;
  expect(isRunGone({ runId: createRunId(), host: hostname(), pid: process.pid })).toBe(false);
  for (const number of [pid, process.pid]) {
    expect(isRunGone({ runId: before, host: hostname(), pid: number })).toBe(true);
    expect(isRunGone({ runId: there, host: hostname(), pid: number })).toBe(false);
    expect(isRunGone({ runId: before, host: 'elsewhere', pid: number })).toBe(false);
  }
});

test('nobody can tell about an owner of another form', () => {
  for (const owner of ['', 'reference-tool', `${hostname()}:x:0a1b2c3d`, `${hostname()}:1`]) {
    expect(isLeaseOwnerGone(owner)).toBe(false);
  }
});
