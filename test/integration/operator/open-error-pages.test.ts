import { openErrorPages } from '@object-transfer/operator/open-error-pages';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTestState, type TestState } from '../worker/embedded-state.ts';

let state: TestState;
beforeEach(async () => {
  state = await openTestState();
});
afterEach(() => state.close());

async function record(dirKey: string, keys: readonly string[]): Promise<void> {
  const errors = keys.map((key) => ({ dirKey, key, code: 'CHECK_MISSING', message: 'm', attempts: 1 }));
  await state.stateStore.recordObjectErrors(errors);
}

async function pages(pageErrors: number, dirKey?: string): Promise<readonly (readonly string[])[]> {
  const read: string[][] = [];
  for await (const page of openErrorPages(state.stateStore, { dirKey }, pageErrors)) {
    read.push(page.map((error) => `${error.dirKey}:${error.key}`));
  }
  return read;
}

it('reads each error once, at any size of the page', async () => {
  await record('', ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => `:${key}`);
  for (const pageErrors of [1, 2, 3, 6, 7, 8]) {
    const read = await pages(pageErrors);
    expect(read.flat()).toEqual(all);
    expect(Math.max(...read.map((page) => page.length))).toBeLessThanOrEqual(pageErrors);
  }
});

it('loses no error of a key that has errors in several subfolders, where a page ends within it', async () => {
  await record('', ['a', 'b', 'c']);
  await record('x/', ['b', 'c']);
  await record('y/', ['b']);
  const read = await pages(4);
  expect(read.flat().toSorted()).toEqual([':a', ':b', ':c', 'x/:b', 'x/:c', 'y/:b']);
});

it('reads nothing where there is nothing, and one subfolder where one is asked for', async () => {
  expect(await pages(2)).toEqual([]);
  await record('', ['a', 'b']);
  await record('x/', ['c', 'd', 'e']);
  expect((await pages(2, 'x/')).flat()).toEqual(['x/:c', 'x/:d', 'x/:e']);
});
