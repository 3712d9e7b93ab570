import { expect, it } from 'vitest';
import { parseProjectName, parseResourceName } from './resource-name.ts';

it('takes the names that Pub/Sub takes', () => {
  expect(parseResourceName('projects/p-1/topics/abc', 'topics')).toEqual({
    name: 'projects/p-1/topics/abc',
    project: 'p-1',
    id: 'abc',
  });
  for (const id of ['a12', 'A-._~+%', 'goo', `x${'y'.repeat(254)}`]) {
    expect(parseResourceName(`projects/p/subscriptions/${id}`, 'subscriptions').id).toBe(id);
  }
  expect(parseProjectName('projects/p')).toBe('p');
});

it.each([
  '',
  'abc',
  'projects/p/topics/ab',
  `projects/p/topics/x${'y'.repeat(255)}`,
  'projects/p/topics/1abc',
  'projects/p/topics/a b c',
  'projects/p/topics/goog-topic',
  'projects/p/subscriptions/abc',
  'projects//topics/abc',
  'projects/p/topics/abc/d',
])('refuses %j as the name of a topic', (name) => {
  expect(() => parseResourceName(name, 'topics')).toThrow(`Invalid resource name given (name=${name}).`);
});

it('refuses what is not the name of a project', () => {
  expect(() => parseProjectName('projects/')).toThrow('Invalid resource name given');
  expect(() => parseProjectName('projects/p/topics')).toThrow('Invalid resource name given');
});
