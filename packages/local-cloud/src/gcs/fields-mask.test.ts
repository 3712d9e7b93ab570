import { expect, it } from 'vitest';
import { applyFields } from './fields-mask.ts';
import { GcsError } from './gcs-error.ts';

const PAGE = {
  kind: 'k',
  items: [{ name: 'a', size: '1', metadata: { x: '1', y: '2' } }, { name: 'b' }],
  prefixes: ['p/'],
};

it.each([
  [null, PAGE],
  ['*', PAGE],
  ['kind,prefixes', { kind: 'k', prefixes: ['p/'] }],
  ['items(name,size)', { items: [{ name: 'a', size: '1' }, { name: 'b' }] }],
  ['items/name,items/metadata/x,nextPageToken', { items: [{ name: 'a', metadata: { x: '1' } }, { name: 'b' }] }],
  ['items(name,metadata(y)),kind', { kind: 'k', items: [{ name: 'a', metadata: { y: '2' } }, { name: 'b' }] }],
  ['items/*,kind', { kind: 'k', items: PAGE.items }],
  ['items/name,items', { items: PAGE.items }],
])('reduces a response to the fields %s', (expression, expected) => {
  expect(applyFields(PAGE, expression)).toEqual(expected);
});

it.each(['items(', 'items)', 'a,,b', ',', '/a', 'items(name))'])('refuses the field selection %s', (expression) => {
  expect(() => applyFields(PAGE, expression)).toThrow(GcsError);
});
