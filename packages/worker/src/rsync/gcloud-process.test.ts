import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runGcloud, type GcloudCommand } from './gcloud-process.ts';
import { checkGcloud } from './gcloud-version.ts';

const never = new AbortController().signal;
let directory: string;
let server: Server;
let sockets: Socket[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gcloud-process-'));
  sockets = [];
  server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  vi.useRealTimers();
  // What a test that failed left running ends without its connection.
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

/** A program in the CLI's place, as the body of a script for Node. */
async function program(body: string): Promise<string> {
  const path = join(directory, 'gcloud');
  await writeFile(path, `#!${process.execPath}\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

function command(executable: string, overrides: Partial<GcloudCommand> = {}): GcloudCommand {
  return { executable, args: [], environment: {}, secrets: [], timeoutMs: 60_000, ...overrides };
}

/** Connects to the test and stays; where `ignores`, also through SIGTERM. */
function staying(ignores: boolean): string {
  const { port } = server.address() as AddressInfo;
  const ignore = ignores ? "process.on('SIGTERM', () => {});" : '';
  return `${ignore}require('node:net').connect(${port}, '127.0.0.1');`;
}

/** One that stays, with a process of its own that stays too and heeds no SIGTERM. */
function stayingWithChild(ignores: boolean): string {
  const child = JSON.stringify(staying(true));
  return `require('node:child_process').spawn(process.execPath, ['-e', ${child}], { stdio: 'inherit' });${staying(ignores)}`;
}

/** Resolves when `count` processes have connected. The connection of a process closes when it is gone. */
async function connections(count: number): Promise<Promise<unknown>[]> {
  const closed: Promise<unknown>[] = [];
  while (closed.length < count) {
    const [socket] = (await once(server, 'connection')) as [Socket];
    socket.on('error', () => undefined).resume();
    closed.push(once(socket, 'close'));
  }
  return closed;
}

describe('runGcloud', () => {
  it('hands over arguments and environment as they are, and nothing else', async () => {
    const path = await program('console.log(JSON.stringify([process.argv.slice(2), process.env]))');
    const args = ['a b', '$(id)', "';*"];
    const { exitCode, stdout } = await runGcloud(command(path, { args, environment: { ONLY: 'this' } }), never);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual([args, { ONLY: 'this' }]);
  });

  it('reports exit code and the end of the output without its secrets', async () => {
    const path = await program("console.error('ERROR: hunter2hunter2'); process.exitCode = 3");
    expect(await runGcloud(command(path, { secrets: ['hunter2hunter2'] }), never)).toEqual({
      exitCode: 3,
      isTimedOut: false,
      stdout: '',
      stderr: 'ERROR: [redacted]',
    });
  });

  it.each([true, false])(
    'ends it and what it has started when the time is up (SIGTERM ignored: %s)',
    async (ignores) => {
      const path = await program(`console.error('begun'); ${stayingWithChild(ignores)}`);
      const connected = connections(2);
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const running = runGcloud(command(path, { timeoutMs: 60_000, graceMs: 5_000 }), never);
      const closed = await connected;
      vi.advanceTimersByTime(59_999);
      vi.advanceTimersByTime(1);
      if (ignores) vi.advanceTimersByTime(5_000);
      expect(await running).toEqual({ exitCode: undefined, isTimedOut: true, stdout: '', stderr: 'begun' });
      await Promise.all(closed);
    },
  );

  it('ends it and what it has started when it is told to stop, and then throws the reason', async () => {
    const stop = new AbortController();
    const connected = connections(2);
    const running = runGcloud(command(await program(stayingWithChild(true)), { graceMs: 50 }), stop.signal);
    const stopped = connected.then((closed) => {
      stop.abort(new Error('enough'));
      return Promise.all(closed);
    });
    await expect(running).rejects.toThrow('enough');
    await stopped;
  });

  it('ends what the command leaves behind when it ends by itself', async () => {
    const child = JSON.stringify(staying(true));
    const path = await program(
      `require('node:child_process').spawn(process.execPath, ['-e', ${child}], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });` +
        `require('node:net').connect(${(server.address() as AddressInfo).port}, '127.0.0.1').on('data', () => process.exit(0));`,
    );
    const connected = connections(2);
    const running = runGcloud(command(path), never);
    const closed = await connected;
    for (const socket of sockets) socket.write('end');
    expect((await running).exitCode).toBe(0);
    await Promise.all(closed);
  });

  it('starts nothing once the signal has aborted', async () => {
    await expect(runGcloud(command(join(directory, 'missing')), AbortSignal.abort(new Error('no')))).rejects.toThrow(
      'no',
    );
  });

  it('says where it looked for a program that is not there, and how to get it', async () => {
    const missing = runGcloud(command('gcloud', { environment: { PATH: directory } }), never);
    const message = expect.stringContaining(`PATH ${directory}. Install it (https://cloud.google.com/sdk`) as string;
    await expect(missing).rejects.toMatchObject({ code: 'CONFIG_TOOL_MISSING', message });
  });
});

async function check(body: string): Promise<string> {
  return checkGcloud({ executable: await program(body), variables: { HOME: directory } }, never);
}

describe('checkGcloud', () => {
  it('returns the version', async () => {
    expect(await check(`console.log('{ "Google Cloud SDK": "528.0.0", "bq": "2.1.18" }')`)).toBe('528.0.0');
  });

  it.each([
    [`console.log('{ "Google Cloud SDK": "436.0.0" }')`, 'is version 436.0.0; storage rsync came with 437.0.0'],
    ["console.log('something else')", 'says no version of the Google Cloud CLI: something else'],
    [`console.error('no python'); process.exitCode = 1`, 'says no version of the Google Cloud CLI: no python'],
  ])('refuses %s', async (body, reason) => {
    await expect(check(body)).rejects.toMatchObject({
      code: 'CONFIG_TOOL_MISSING',
      message: expect.stringContaining(reason) as string,
    });
  });
});
