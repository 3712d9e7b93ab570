import { connect } from 'node:net';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type EmulatorKind, findEmulator, startEmulator } from './google-emulator.ts';

const KINDS: readonly EmulatorKind[] = ['pubsub', 'datastore'];

async function accepts(host: string): Promise<boolean> {
  const [address = '', port] = host.split(':');
  const socket = connect(Number(port), address);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe.each(KINDS)('the %s emulator', (kind) => {
  const { missing } = findEmulator(kind);

  it('answers until it is closed', async (test) => {
    if (missing !== undefined) return test.skip(missing);
    const emulator = await startEmulator(kind);
    expect(await accepts(emulator.host)).toBe(true);
    await emulator.close();
    expect(await accepts(emulator.host)).toBe(false);
  });

  it('ends with the process that started it, also when that is killed', async (test) => {
    if (missing !== undefined) return test.skip(missing);
    const module = fileURLToPath(new URL('google-emulator.ts', import.meta.url));
    const script = `const { startEmulator } = await import(${JSON.stringify(module)});
      console.log((await startEmulator('${kind}')).host);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [host] = (await once(child.stdout, 'data')) as [Buffer];
    expect(await accepts(host.toString().trim())).toBe(true);
    child.kill('SIGKILL');
    await expect.poll(() => accepts(host.toString().trim()), { timeout: 30_000 }).toBe(false);
  });
});
