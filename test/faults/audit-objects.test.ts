import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { auditObjects, type Discrepancy } from './audit-objects.ts';

let gcs: GcsServer;
let source: Bucket;
beforeAll(async () => {
  gcs = await startGcsServer({ buckets: ['destination', 'parts'] });
});
afterAll(() => gcs.close());

const WITHOUT_AUTHOR = { 'x-goog-source-etag': 'e1', 'goog-reserved-file-mtime': '5' };
const KEPT = { ...WITHOUT_AUTHOR, author: 'Zoë' };
const SETTINGS = { contentType: 'text/plain', cacheControl: 'no-store', metadata: KEPT };

beforeEach(() => {
  for (const bucket of ['destination', 'parts'])
    for (const name of gcs.objects.names(bucket)) gcs.objects.remove(bucket, name);
  source = Bucket.empty('source');
  const attributes = { contentType: 'text/plain', cacheControl: 'no-store', userMetadata: { author: 'Zoë' } };
  source.put('a', 'bytes', { etag: 'e1', lastModifiedMs: 5000, attributes });
  gcs.objects.put('destination', 'a', 'bytes', SETTINGS);
});

async function audit(nameOf?: (key: string) => string | undefined): Promise<readonly Discrepancy[]> {
  const names = nameOf === undefined ? {} : { nameOf };
  return auditObjects({ source, gcs, destination: 'destination', partsBuckets: ['parts'], ...names });
}

test('equal buckets have no discrepancies', async () => {
  expect(await audit()).toEqual([]);
});

const CHANGES: readonly (readonly [string, () => unknown, Partial<Discrepancy>])[] = [
  ['a missing object', () => gcs.objects.remove('destination', 'a'), { kind: 'missing', name: 'a' }],
  ['an object too many', () => gcs.objects.put('destination', 'b', ''), { kind: 'extra', name: 'b' }],
  ['another byte', () => gcs.objects.put('destination', 'a', 'bytEs', SETTINGS), { kind: 'bytes', name: 'a' }],
  ['fewer bytes', () => gcs.objects.put('destination', 'a', 'byte', SETTINGS), { kind: 'bytes', name: 'a' }],
  [
    'another type',
    () => gcs.objects.put('destination', 'a', 'bytes', { ...SETTINGS, contentType: 'text/html' }),
    { kind: 'headers', detail: 'contentType is text/html, was text/plain' },
  ],
  [
    'metadata too little',
    () => gcs.objects.put('destination', 'a', 'bytes', { ...SETTINGS, metadata: WITHOUT_AUTHOR }),
    { kind: 'metadata', detail: 'author is undefined, was Zoë' },
  ],
  [
    'metadata too much',
    () => gcs.objects.put('destination', 'a', 'bytes', { ...SETTINGS, metadata: { ...KEPT, more: 'x' } }),
    { kind: 'metadata', detail: 'more is x, was undefined' },
  ],
  [
    'a part',
    () => gcs.objects.put('destination', '.object-transfer-parts/x/0', 'part'),
    { kind: 'leftover', name: '.object-transfer-parts/x/0' },
  ],
  ['a part elsewhere', () => gcs.objects.put('parts', 'x/0', 'part'), { kind: 'leftover', detail: 'parts' }],
];

test.each(CHANGES)('%s is a discrepancy', async (_, change, discrepancy) => {
  change();
  expect(await audit()).toEqual([expect.objectContaining(discrepancy)]);
});

test('objects are looked for under their names at the destination', async () => {
  source.put('not wanted', '');
  expect(await audit((key) => (key === 'a' ? 'b' : undefined))).toEqual([
    { kind: 'missing', name: 'b', detail: '5 bytes' },
    { kind: 'extra', name: 'a', detail: 'the source does not have it' },
  ]);
});
