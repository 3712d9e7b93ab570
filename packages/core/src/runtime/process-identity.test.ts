import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { createProcessIdentity, isLeaseOwnerGone, isProcessGone } from './process-identity.ts';

async function pidOfExitedChild(): Promise<number> {
  const child = spawn(process.execPath, ['--eval', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

test('an identity names host and process and is never the same twice', () => {
  const one = createProcessIdentity();
  expect(one).toMatchObject({ host: hostname(), pid: process.pid });
  expect(one.id.startsWith(`${hostname()}:${process.pid}:`)).toBe(true);
  expect(createProcessIdentity().id).not.toBe(one.id);
});

test('a process is gone once it has exited, on this host', async () => {
  const pid = await pidOfExitedChild();
  expect(isProcessGone(hostname(), pid)).toBe(true);
  expect(isProcessGone(hostname(), process.pid)).toBe(false);
  expect(isProcessGone(`not-${hostname()}`, pid)).toBe(false);
});

test('a process of somebody else is not gone', () => {
  expect(isProcessGone(hostname(), 1)).toBe(false);
});

test('a lease owner is gone with its process, whatever was added to its id', async () => {
  const pid = await pidOfExitedChild();
  for (const unique of ['0a1b2c3d', '12345678']) {
    for (const added of ['', '#550e8400-e29b-41d4-a716-446655440000', '/3', ':1']) {
      expect(isLeaseOwnerGone(`${hostname()}:${pid}:${unique}${added}`)).toBe(true);
      expect(isLeaseOwnerGone(`${hostname()}:${process.pid}:${unique}${added}`)).toBe(false);
      expect(isLeaseOwnerGone(`elsewhere:${pid}:${unique}${added}`)).toBe(false);
    }
  }
  expect(isLeaseOwnerGone(createProcessIdentity().id)).toBe(false);
});

test('nobody can tell about an owner of another form', () => {
  for (const owner of ['', 'reference-tool', `${hostname()}:x:0a1b2c3d`, `${hostname()}:1`]) {
    expect(isLeaseOwnerGone(owner)).toBe(false);
  }
});
