import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SOURCE_ETAG_METADATA } from '@object-transfer/core/domain/destination-object';
import { isRepairDue } from '@object-transfer/core/domain/subfolder';
import { DESTINATION_BUCKET, isGet } from '../../fixtures/clouds.ts';
import { LEASE_MS } from './embedded-state.ts';
import { GCS_ROOT, S3_ROOT, SubfolderRig } from './subfolder-rig.ts';
import { fillSubfolder, OBJECTS } from './tamperings.ts';

let rig: SubfolderRig;
beforeEach(async () => {
  rig = await SubfolderRig.start();
});
afterEach(() => rig.close());

/** Answers reads of an object through the CDN, and those alone. */
function breakCdn(name: string, status: number): void {
  rig.clouds.break('cdn', (request, response) => {
    if (!isGet(name)(request)) return false;
    response.writeHead(status).end();
    return true;
  });
}

describe('a repair', () => {
  beforeEach(async () => {
    await fillSubfolder(rig, 'dir/');
    await rig.state.stateStore.addSubfolders(['dir/']);
    await rig.check('dir/');
  });

  test('transfers what differs and nothing else', async () => {
    rig.write('dir/bravo', 'BRAVO');
    rig.remove('dir/charlie');
    rig.clouds.cdn.stats.reset();
    await rig.repair('dir/');
    expect([...rig.clouds.cdn.stats.getsByPath.keys()].toSorted()).toEqual(['/live/dir/bravo', '/live/dir/charlie']);
    expect(rig.counters).toMatchObject({ objectsTransferred: 2, bytesTransferred: 13, objectsReadDirectly: 0 });
  });

  test('of what is equal but for its kept source ETag writes the metadata and no content', async () => {
    rig.write('dir/parts', OBJECTS.parts, { metadata: { [SOURCE_ETAG_METADATA]: 'another-2', own: 'kept' } });
    const before = rig.clouds.gcs.objects.resource(DESTINATION_BUCKET, `${GCS_ROOT}dir/parts`);
    await rig.repair('dir/');
    const after = rig.clouds.gcs.objects.resource(DESTINATION_BUCKET, `${GCS_ROOT}dir/parts`);
    expect(after?.generation).toBe(before?.generation);
    expect(after?.metadata).toMatchObject({ own: 'kept' });
    expect(rig.counters).toMatchObject({ objectsTransferred: 0, objectsSkipped: 1 });
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('leaves alone what an MD5 proves equal, whatever is kept of its ETag', async () => {
    rig.write('dir/bravo', OBJECTS.bravo, { metadata: { [SOURCE_ETAG_METADATA]: 'another' } });
    rig.clouds.cdn.stats.reset();
    await rig.repair('dir/');
    expect(rig.clouds.cdn.stats.requests).toBe(0);
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('reads S3 itself where the CDN has nothing but stale copies', async () => {
    rig.put('dir/bravo', 'BRAVO');
    rig.clouds.break('cdn', (request, response) => {
      if (!isGet('dir/bravo')(request)) return false;
      response.writeHead(200, { etag: '"stale"', 'content-length': '5' }).end('bravo');
      return true;
    });
    await rig.repair('dir/');
    expect(rig.counters).toMatchObject({ objectsTransferred: 1, objectsReadDirectly: 1 });
    expect(await rig.arrived()).toMatchObject({ 'dir/bravo': 'BRAVO' });
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('without leave to read S3 itself keeps the good object, and says that the copy is stale', async () => {
    rig.put('dir/bravo', 'BRAVO');
    rig.clouds.break('cdn', (request, response) => {
      if (!isGet('dir/bravo')(request)) return false;
      response.writeHead(200, { etag: '"stale"', 'content-length': '5' }).end('wrong');
      return true;
    });
    const transfer = { ...rig.repairing().transfer, direct: undefined };
    await rig.repair('dir/', { transfer });
    expect(await rig.arrived()).toMatchObject({ 'dir/bravo': 'bravo' });
    expect(await rig.openErrors('dir/')).toEqual(['SOURCE_STALE_COPY dir/bravo']);
    expect(await rig.status('dir/')).toBe('mismatched');
  });

  test('repairs all but the object that cannot be read, whose reason stays the open error', async () => {
    for (const name of ['alpha', 'bravo', 'charlie']) rig.remove(`dir/${name}`);
    await rig.check('dir/');
    breakCdn('dir/bravo', 401);
    await rig.repair('dir/');
    expect(await rig.openErrors('dir/')).toEqual(['SOURCE_FORBIDDEN dir/bravo']);
    expect(await rig.row('dir/')).toMatchObject({ missingCount: 1, rsyncAttempts: 1, rsyncPublished: false });
    expect(rig.counters).toMatchObject({ objectsTransferred: 2, objectsFailed: 1 });

    rig.clouds.heal();
    rig.state.advance(1000);
    await rig.repair('dir/');
    expect(await rig.openErrors('dir/')).toEqual([]);
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('is tried as often as it may be; then the row counts as failed until somebody resets it', async () => {
    rig.remove('dir/bravo');
    breakCdn('dir/bravo', 401);
    for (let attempt = 1; attempt <= 2; attempt++) {
      expect(await rig.repair('dir/', { maxRsyncAttempts: 2 })).toMatchObject({ status: 'done' });
      expect((await rig.row('dir/')).rsyncAttempts).toBe(attempt);
    }
    const row = await rig.row('dir/');
    expect(row.rsyncPublished).toBe(true);
    expect(isRepairDue(row, true)).toBe(false);
    await rig.state.stateStore.resetSubfolders('rsync', ['dir/']);
    rig.clouds.heal();
    expect(isRepairDue(await rig.row('dir/'), false)).toBe(true);
    await rig.repair('dir/');
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('leaves no error of an object that the source gave up meanwhile', async () => {
    rig.remove('dir/bravo');
    rig.clouds.cdn.invalidate();
    rig.clouds.break('cdn', (request) => {
      if (isGet('dir/bravo')(request)) rig.clouds.source.delete(`${S3_ROOT}dir/bravo`);
      return false;
    });
    await rig.repair('dir/');
    expect(rig.counters).toMatchObject({ objectsFailed: 1 });
    expect(await rig.status('dir/')).toBe('verified');
    expect(await rig.openErrors('dir/')).toEqual([]);
  });

  test('finds renamed objects under their new name, and deletes none of them', async () => {
    const namePolicy = 'rename';
    const renaming = {
      comparison: rig.comparison({ namePolicy }),
      transfer: { ...rig.repairing().transfer, namePolicy } as const,
      deleteExtra: true,
    };
    rig.put('dir/a\nb', 'with a line break');
    rig.write('dir/zulu', 'zulu');
    await rig.repair('dir/', renaming);
    const names = Object.keys(await rig.arrived());
    expect(names).toHaveLength(6);
    expect(names).not.toContain('dir/zulu');
    expect(await rig.status('dir/')).toBe('verified');
    await rig.repair('dir/', renaming);
    expect(Object.keys(await rig.arrived())).toEqual(names);
  });

  test('names an object that GCS can have under no name, and is not done before it is gone', async () => {
    rig.put('dir/a\nb', 'with a line break');
    await rig.repair('dir/');
    expect(await rig.openErrors('dir/')).toEqual(['DESTINATION_NAME_FORBIDDEN dir/a\nb']);
    expect(await rig.status('dir/')).toBe('mismatched');
    rig.clouds.source.delete(`${S3_ROOT}dir/a\nb`);
    await rig.repair('dir/');
    expect(await rig.openErrors('dir/')).toEqual([]);
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('of a large object moves it in parts and leaves none of them', async () => {
    const body = 'x'.repeat(2500);
    rig.put('dir/large', body);
    rig.write('dir/large', body.slice(0, 1000));
    const transfer = { ...rig.repairing().transfer, partSizeBytes: 1000 };
    await rig.repair('dir/', { transfer, deleteExtra: true });
    expect(await rig.arrived()).toMatchObject({ 'dir/large': body });
    expect(rig.clouds.leftovers()).toEqual([]);
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('does nothing where somebody is at work on the subfolder', async () => {
    rig.remove('dir/bravo');
    await rig.state.stateStore.startSyncCheck('dir/', 'somebody:2:00000000', LEASE_MS);
    const requests = rig.listRequests;
    expect(await rig.repair('dir/')).toEqual({ status: 'busy' });
    expect(rig.listRequests).toBe(requests);
  });

  test('holds on to no more transfers than it has room for, and walks no further meanwhile', async () => {
    const perPage = 1000;
    for (let i = 0; i < 3 * perPage; i++) rig.put(`many/${String(i).padStart(4, '0')}`, 'x');
    await rig.state.stateStore.addSubfolders(['many/']);
    await rig.check('many/');
    rig.clouds.s3.stats.reset();
    let active = 0;
    let mostActive = 0;
    let ended = 0;
    const endedAtPage: number[] = [];
    rig.clouds.break('cdn', (_request, response) => {
      mostActive = Math.max(mostActive, ++active);
      response.on('close', () => active--);
      return false;
    });
    rig.clouds.break('s3', ({ url }) => {
      if (url?.includes('list-type=2') === true) endedAtPage.push(ended);
      return false;
    });
    const onOutcome = () => ended++;
    await rig.repair('many/', { onOutcome });
    // The page after the next is asked for when all of a page were begun: all but 256 of them have ended by then.
    const [, , third = 0] = endedAtPage;
    expect(third).toBeGreaterThanOrEqual(perPage - 256);
    expect(mostActive).toBeLessThanOrEqual(64);
    expect(await rig.status('many/')).toBe('verified');
  });
});

describe('a repair whose lease is lost on the way', () => {
  test('opens no errors of objects any more, even where nobody has told it yet', async () => {
    rig.put('dir/refused', 'x');
    await rig.state.stateStore.addSubfolders(['dir/']);
    await rig.check('dir/');
    const errors = await rig.openErrors('dir/');
    rig.clouds.break('cdn', async (_request, response) => {
      rig.state.advance(LEASE_MS);
      expect(await rig.state.stateStore.startRsync('dir/', 'somebody:2:00000000', LEASE_MS)).toBeDefined();
      response.writeHead(403).end();
      return true;
    });
    expect(await rig.repair('dir/')).toEqual({ status: 'lost' });
    expect(await rig.openErrors('dir/')).toEqual(errors);
  });

  test('transfers, deletes and stores nothing any more', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `dir/${String(i).padStart(3, '0')}`);
    for (const name of names) rig.put(name, 'x');
    rig.write('dir/zulu', 'zulu');
    await rig.state.stateStore.addSubfolders(['dir/']);
    await rig.check('dir/');
    const errors = await rig.openErrors('dir/');
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
    const { promise: brokenOff, resolve: onBrokenOff } = Promise.withResolvers<void>();
    let reads = 0;
    rig.clouds.break('cdn', (_request, response) => {
      reads++;
      response.on('close', onBrokenOff);
      onAsked();
      return true;
    });
    const leaseMs = 3_000;
    const repair = rig.repair('dir/', { deleteExtra: true, leaseMs });
    await asked;
    rig.state.advance(leaseMs);
    expect(await rig.state.stateStore.startRsync('dir/', 'somebody:2:00000000', LEASE_MS)).toBeDefined();
    const held = await rig.row('dir/');
    expect(await repair).toEqual({ status: 'lost' });
    await brokenOff;
    expect(reads).toBeLessThan(names.length);
    expect(rig.deletions).toBe(0);
    expect(await rig.arrived()).toEqual({ 'dir/zulu': 'zulu' });
    expect(await rig.openErrors('dir/')).toEqual(errors);
    expect(await rig.row('dir/')).toEqual(held);
    expect(held).toMatchObject({ rsyncInProgress: true, rsyncFrequency: 0 });
  });
});
