import { describe, expect, test } from 'vitest';
import { createObjectFilter, type ObjectFilterSettings } from './object-filter.ts';
import type { SourceObject } from './source-object.ts';

const NOON = new Date('2024-05-01T12:00:00.000Z');
const EVERYTHING: ObjectFilterSettings = { storageClasses: [], include: [], exclude: [] };

function sourceObject(overrides: Partial<SourceObject> = {}): SourceObject {
  return { key: 'root/a', sizeBytes: 1, etag: 'e', lastModified: NOON, storageClass: 'STANDARD', ...overrides };
}

function passes(settings: Partial<ObjectFilterSettings>, overrides: Partial<SourceObject>): boolean {
  return createObjectFilter({ ...EVERYTHING, ...settings }, 'root/')(sourceObject(overrides));
}

/** Whether the path below the root is taken by the glob: as `include` and, the other way round, as `exclude`. */
function takes(glob: string, path: string): boolean {
  const included = passes({ include: [glob] }, { key: `root/${path}` });
  const excluded = !passes({ exclude: [glob] }, { key: `root/${path}` });
  expect(excluded).toBe(included);
  return included;
}

test('without settings everything passes, empty objects and folder markers too', () => {
  expect(passes({}, {})).toBe(true);
  expect(passes({}, { sizeBytes: 0, key: 'root/folder/', storageClass: 'GLACIER' })).toBe(true);
  expect(passes({}, { key: 'root/' })).toBe(true);
});

test('storage classes are taken by name', () => {
  const settings = { storageClasses: ['STANDARD', 'STANDARD_IA'] };
  expect(passes(settings, { storageClass: 'STANDARD' })).toBe(true);
  expect(passes(settings, { storageClass: 'STANDARD_IA' })).toBe(true);
  expect(passes(settings, { storageClass: 'GLACIER' })).toBe(false);
});

test('lastModifiedBefore is exclusive, lastModifiedAfter inclusive', () => {
  const earlier = new Date(NOON.getTime() - 1);
  const later = new Date(NOON.getTime() + 1);
  expect(passes({ lastModifiedBefore: NOON }, { lastModified: earlier })).toBe(true);
  expect(passes({ lastModifiedBefore: NOON }, { lastModified: NOON })).toBe(false);
  expect(passes({ lastModifiedBefore: NOON }, { lastModified: later })).toBe(false);
  expect(passes({ lastModifiedAfter: NOON }, { lastModified: earlier })).toBe(false);
  expect(passes({ lastModifiedAfter: NOON }, { lastModified: NOON })).toBe(true);
  expect(passes({ lastModifiedAfter: NOON }, { lastModified: later })).toBe(true);
});

test('every condition has to hold', () => {
  const settings = { storageClasses: ['STANDARD'], lastModifiedAfter: NOON, include: ['*.jpg'] };
  expect(passes(settings, { key: 'root/a.jpg' })).toBe(true);
  expect(passes(settings, { key: 'root/a.png' })).toBe(false);
  expect(passes(settings, { key: 'root/a.jpg', storageClass: 'GLACIER' })).toBe(false);
  expect(passes(settings, { key: 'root/a.jpg', lastModified: new Date(0) })).toBe(false);
});

describe('globs', () => {
  test('look at the key below the root', () => {
    expect(takes('a', 'a')).toBe(true);
    expect(takes('root/a', 'a')).toBe(false);
  });

  test('match the whole of it', () => {
    expect(takes('a', 'ab')).toBe(false);
    expect(takes('a', 'b/a')).toBe(false);
    expect(takes('a/*', 'a/b/c')).toBe(false);
  });

  test.each([
    ['*', 'a', true],
    ['*', 'a/b', false],
    ['*.jpg', 'x.jpg', true],
    ['*.jpg', 'a/x.jpg', false],
    ['**', 'a/b/c', true],
    ['**', 'folder/', true],
    ['**', 'a//b', true],
    ['**/*.jpg', 'x.jpg', true],
    ['**/*.jpg', 'a/b/x.jpg', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'ab/c', false],
    ['a/**/z', 'a/b/c/z', true],
    ['{a,b}/*', 'b/c', true],
    ['a?c', 'abc', true],
    ['[ab]c', 'bc', true],
  ])('%j on %j: %j', (glob, path, wanted) => {
    expect(takes(glob, path)).toBe(wanted);
  });

  test.each([
    ['*', '.hidden'],
    ['**', '.git/config'],
    ['a/**', 'a/.b/c'],
    ['*', '.'],
    ['**', 'a/../b'],
    ['a/*/b', 'a/./b'],
    ['a/**', 'a/..'],
    ['../*', '../b'],
    ['a/./b', 'a/./b'],
  ])('a leading dot is nothing special: %j takes %j', (glob, path) => {
    expect(takes(glob, path)).toBe(true);
  });

  test('a dot segment is no way around a glob', () => {
    expect(takes('b/*', 'a/../b/c')).toBe(false);
    expect(takes('a/b', 'a/./b')).toBe(false);
  });

  test.each([
    ['**', 'a\nb'],
    ['a/**', 'a/b\nc/d'],
    ['**', 'a\\b'],
    ['**', '[x]*?{y}(z)!'],
    ['a[1].txt', 'a[1].txt'],
    [String.raw`a\[1\]\*.txt`, 'a[1]*.txt'],
    ['**/*.txt', 'é/日😀.txt'],
  ])('any character may be in a key: %j takes %j', (glob, path) => {
    expect(takes(glob, path)).toBe(true);
  });

  test('a leading exclamation mark does not turn a glob round', () => {
    expect(takes('!keep/**', 'other/a')).toBe(false);
    expect(takes('!keep/**', '!keep/a')).toBe(true);
  });

  test('one of several is enough, and exclude wins over include', () => {
    const settings = { include: ['a/**', 'b/**'], exclude: ['**/*.tmp', 'a/x'] };
    expect(passes(settings, { key: 'root/a/1' })).toBe(true);
    expect(passes(settings, { key: 'root/b/1' })).toBe(true);
    expect(passes(settings, { key: 'root/c/1' })).toBe(false);
    expect(passes(settings, { key: 'root/a/1.tmp' })).toBe(false);
    expect(passes(settings, { key: 'root/a/x' })).toBe(false);
  });
});
