import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

const PRELUDE = `
import { leaveInTime } from '${new URL('leave-in-time.ts', import.meta.url).href}';
const stop = new AbortController();
const logger = { error: (fields, message) => process.stdout.write(JSON.stringify({ ...fields, message })) };
const leaving = leaveInTime({ stop: stop.signal, logger, exitCode: 7, left: () => ({ messages: 3 }), leaveMs: 100 });
// Something that never answers.
const hanging = setInterval(() => {}, 60_000);
`;

async function run(program: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PRELUDE + program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
  return { code, output };
}

it('ends a process that does not end by itself after it was told to stop, and says what is left', async () => {
  const { code, output } = await run('stop.abort();');
  expect(code).toBe(7);
  expect(JSON.parse(output)).toEqual({ messages: 3, message: expect.stringContaining('0.1 s after the stop') });
});

it('leaves a process alone that nobody told to stop, and one that has closed everything', async () => {
  const quiet = 'await new Promise((resolve) => setTimeout(resolve, 200));';
  const closed = 'stop.abort(); leaving[Symbol.dispose]();';
  expect(await run(`${quiet} ${closed} ${quiet} clearInterval(hanging);`)).toEqual({ code: 0, output: '' });
});
