import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

const MODULE = new URL('stop-signals.ts', import.meta.url).href;
/** Something that never answers. */
const HANGING = 'setInterval(() => {}, 60_000);';

interface End {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs a program, and signals it once it says that it is ready. */
async function run(program: string, signal?: NodeJS.Signals): Promise<End> {
  const script = `import { leaveNothingOpen, stopOnSignals } from '${MODULE}';\n${program}\nprocess.stdout.write('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stderr = text(child.stderr);
  if (signal !== undefined) {
    await once(child.stdout, 'data');
    child.kill(signal);
  }
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, stderr: await stderr };
}

it('ends a process that has not ended by itself in time after the first signal, and says so', async () => {
  const { code, stderr } = await run(`stopOnSignals(false, 50); ${HANGING}`, 'SIGTERM');
  expect(code).toBe(1);
  const lines = stderr.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ severity: 'INFO', message: expect.stringContaining('stopping: ') as string }),
    expect.objectContaining({ severity: 'ERROR', message: expect.stringContaining('0.05 s after the stop') as string }),
  ]);
});

it('lets a process that heeds the first signal end as it wants', async () => {
  const program = `
    const hanging = ${HANGING}
    stopOnSignals(false, 60_000).addEventListener('abort', () => { clearInterval(hanging); process.exitCode = 7; });`;
  expect(await run(program, 'SIGTERM')).toMatchObject({ code: 7 });
});

it('is not kept by what a failed command has left open', async () => {
  await using silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const program = `
    import { connect } from 'node:net';
    connect(${port}, '127.0.0.1');
    process.exitCode = 7;
    leaveNothingOpen();`;
  expect(await run(program)).toMatchObject({ code: 7, stderr: '' });
});

it('is not kept by a token that a command has gone on without', async () => {
  // What is not read keeps the server from seeing the end of the connection.
  await using silent = createServer((socket) => void socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const program = `
    import { UserRefreshClient } from 'google-auth-library';
    import { hasGivenUp } from '@object-transfer/core/runtime/given-up';
    import { createGcsTokenSource } from '@object-transfer/core/storage/gcs-token-source';
    const endpoints = { oauth2TokenUrl: 'http://127.0.0.1:${port}/token' };
    const client = new UserRefreshClient({ clientId: 'id', clientSecret: 'secret', refreshToken: 'refresh', endpoints });
    await createGcsTokenSource(async () => client, 200).token().catch(() => { process.exitCode = 7; });
    if (hasGivenUp()) leaveNothingOpen();`;
  expect(await run(program)).toMatchObject({ code: 7, stderr: '' });
});
