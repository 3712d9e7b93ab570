import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { bareEnvironment } from '../e2e/rehearsal.ts';

/** Enough that it does not end between two looks at it. */
const FILES = 3_000;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shutdown-demo-'));
  await mkdir(join(directory, 'files', 'folder'), { recursive: true });
  await mkdir(join(directory, 'tmp'));
});
afterEach(() => rm(directory, { recursive: true }));

function start(...args: readonly string[]): RunningCommand {
  const environment = bareEnvironment(join(directory, 'tmp'));
  return new RunningCommand(args, { cwd: directory, environment });
}

/** A process stands still until this is disposed of. */
function suspended(pid: number): Disposable {
  process.kill(pid, 'SIGSTOP');
  return { [Symbol.dispose]: () => void process.kill(pid, 'SIGCONT') };
}

/** Messages that are being worked on, by the state of the demo that runs. */
async function messagesInHand(): Promise<number> {
  const folder = (await readdir(join(directory, 'tmp'))).find((name) => name.startsWith('object-transfer-demo-'));
  if (folder === undefined) return 0;
  try {
    using state = new DatabaseSync(join(directory, 'tmp', folder, 'state.sqlite'), { readOnly: true, timeout: 5_000 });
    const row = state.prepare('SELECT count(*) AS held FROM queue_messages WHERE lease_owner IS NOT NULL').get();
    return Number(row?.['held']);
  } catch {
    // It is being made.
    return 0;
  }
}

/** Its servers stand still while messages are being worked on: nothing that is under way is answered until this is disposed of. */
async function heldAtWork(demo: RunningCommand): Promise<Disposable> {
  for (;;) {
    const [cloud] = await demo.childPids();
    if (cloud !== undefined && (await messagesInHand()) > 0) {
      const held = suspended(cloud);
      if ((await messagesInHand()) > 0) return held;
      held[Symbol.dispose]();
    }
    await setTimeout(10);
  }
}

async function startDemo(): Promise<RunningCommand> {
  const names = Array.from({ length: FILES }, (_, index) => join(directory, 'files', 'folder', String(index)));
  await Promise.all(names.map((name) => writeFile(name, name)));
  return start('demo', '--source-dir', 'files');
}

describe('demo at its work', () => {
  it('ends on SIGTERM with exit code 1, and leaves nothing', async () => {
    await using demo = await startDemo();
    {
      using _ = await heldAtWork(demo);
      demo.kill('SIGTERM');
      await demo.waitForOutput('stopping: ');
    }
    const result = await demo.ended;
    expectExitCode(result, 1);
    expect(result.stderr).toContain('the demo was stopped by SIGTERM; nothing of it is left');
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('ends at once on the second signal, with exit code 143, and its servers with it', async () => {
    await using demo = await startDemo();
    {
      using _ = await heldAtWork(demo);
      demo.kill('SIGTERM');
      await demo.waitForOutput('stopping: ');
      demo.kill('SIGTERM');
      await vi.waitFor(() => expect(() => process.kill(demo.pid, 0)).toThrow('ESRCH'), { timeout: 100_000 });
    }
    // Not before its servers have: they write to the same stderr.
    expect(await demo.ended).toMatchObject({ exitCode: 143, signal: null });
  });
});

describe('local-cloud', () => {
  it('ends on the first signal in the midst of an answer', async () => {
    await writeFile(join(directory, 'files', 'large'), Buffer.alloc(32 * 1024 * 1024));
    await using cloud = start('local-cloud', '--s3-dir', 'files', '--json');
    const { environment } = JSON.parse(await cloud.waitForOutput('}\n')) as {
      readonly environment: { readonly AWS_ENDPOINT_URL_S3: string };
    };
    const answer = await fetch(`${environment.AWS_ENDPOINT_URL_S3}/source/large`);
    cloud.kill('SIGTERM');
    expectExitCode(await cloud.ended, 0);
    await expect(answer.arrayBuffer()).rejects.toThrow('terminated');
  });

  it('with a fleet ends at once on the second signal, with exit code 143, and its database with it', async () => {
    await using cloud = start('local-cloud', '--fleet', '--json');
    await cloud.waitForOutput('"fleet"');
    const [database = 0] = await cloud.childPids();
    {
      using _ = suspended(database);
      cloud.kill('SIGTERM');
      await cloud.waitForOutput('stopping: ');
      cloud.kill('SIGTERM');
      expect(await cloud.ended).toMatchObject({ exitCode: 143, signal: null });
      expect(await readdir(join(directory, 'tmp'))).toEqual([expect.stringContaining('mariadb-')]);
    }
    // Its directory goes when it has ended.
    await vi.waitFor(async () => expect(await readdir(join(directory, 'tmp'))).toEqual([]), { timeout: 100_000 });
  });
});
