import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { confirm } from './operator-confirm.ts';

const NEVER = new AbortController().signal;

it.each([
  ['y\n', true],
  ['YES\r\n', true],
  [' y \nno\n', true],
  ['n\n', false],
  ['\n', false],
  ['yesterday\n', false],
  ['', false],
])('takes the answer %j for %s', async (answer, expected) => {
  const input = new PassThrough();
  const output = new PassThrough();
  input.end(answer);
  expect(await confirm('reset all?', { input, output, signal: NEVER })).toBe(expected);
  output.end();
  expect(await text(output)).toBe('reset all? [y/N] ');
});

it('ends with the reason of the signal where nobody answers', async () => {
  const stop = new AbortController();
  const asked = confirm('reset all?', { input: new PassThrough(), output: new PassThrough(), signal: stop.signal });
  setImmediate(() => stop.abort(new Error('stopped by SIGINT')));
  await expect(asked).rejects.toThrow('stopped by SIGINT');
});

it('reads no more once it is answered: a terminal that is still being read keeps the process alive', async () => {
  const input = new PassThrough();
  input.write('y\n');
  expect(await confirm('reset all?', { input, output: new PassThrough(), signal: NEVER })).toBe(true);
  expect(input.isPaused()).toBe(true);
});
