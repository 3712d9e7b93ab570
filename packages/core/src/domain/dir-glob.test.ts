import { expect, it } from 'vitest';
import { createDirMatcher } from './dir-glob.ts';

it.each([
  ['20*', ['2018/', '2019/']],
  ['20*/', ['2018/', '2019/']],
  ['2019/', ['2019/']],
  ['2019', ['2019/']],
  ['*', ['2018/', '2019/', '.hidden/', '[a]/', 'with space/']],
  ['**', ['2018/', '2019/', '.hidden/', '[a]/', 'with space/', 'deep/er/']],
  ['deep/*', ['deep/er/']],
  ['{2018,deep/**}', ['2018/', 'deep/er/']],
  ['\\[a\\]', ['[a]/']],
  ['!2018', []],
  ['', []],
])('the glob %s matches %j', (glob, expected) => {
  const dirKeys = ['', '2018/', '2019/', '.hidden/', '[a]/', 'with space/', 'deep/er/'];
  expect(dirKeys.filter(createDirMatcher([glob]))).toEqual(expected);
});

it('matches what any of the globs matches', () => {
  expect(['a/', 'b/', 'c/'].filter(createDirMatcher(['a', 'c']))).toEqual(['a/', 'c/']);
  expect(['a/'].filter(createDirMatcher([]))).toEqual([]);
});
