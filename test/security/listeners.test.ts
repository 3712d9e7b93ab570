import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { RunningCommand } from '../e2e/command.ts';
import { bareEnvironment, Rehearsal } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { UploadGate } from '../e2e/upload-gate.ts';
import { openFilesOf, processTree } from './processes.ts';

const LISTENING = '0A';

/** Addresses at which the processes listen, as the kernel writes them: in hexadecimal, the lowest byte first. */
async function listeningAddresses(pids: readonly number[]): Promise<readonly string[]> {
  const files = (await Promise.all(pids.map(openFilesOf))).flat();
  const inodes = new Set(files.map((file) => /^socket:\[(\d+)\]$/.exec(file)?.[1]));
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')));
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(1)).map((row) => row.trim().split(/\s+/));
  return rows
    .filter(([, , , state, , , , , , inode]) => state === LISTENING && inodes.has(inode))
    .map(([, address = '']) => address.split(':')[0] ?? '');
}

async function pidsOf(command: RunningCommand): Promise<readonly number[]> {
  return (await processTree(command.pid)).map(({ pid }) => pid);
}

describe('listening sockets', () => {
  it('of local-cloud with a fleet, its database included, are on 127.0.0.1', async () => {
    await using rehearsal = await Rehearsal.start();
    const options = { cwd: rehearsal.directory, environment: bareEnvironment(rehearsal.directory) };
    await using cloud = new RunningCommand(['local-cloud', '--fleet', '--json'], options);
    await cloud.waitForOutput('"fleet"');
    const addresses = await listeningAddresses(await pidsOf(cloud));
    // S3, CloudFront, GCS, Pub/Sub, Datastore, Secret Manager, MariaDB.
    expect(addresses).toEqual(Array.from({ length: 7 }, () => '0100007F'));
    cloud.kill('SIGTERM');
    await cloud.ended;
  });

  it('of a run with worker processes are none', async () => {
    const gate = new UploadGate(0);
    await using rehearsal = await Rehearsal.start({ interceptGcs: gate.intercept });
    putNumberedObjects(rehearsal.source, 1, 2);
    await using run = rehearsal.start(...rehearsal.runFlags, '--processes', '2');
    await run.whileRunning(gate.seen(1));
    const pids = await pidsOf(run);
    expect(pids).toHaveLength(3);
    expect(await listeningAddresses(pids)).toEqual([]);
    run.kill('SIGKILL');
    gate.release();
  });
});
