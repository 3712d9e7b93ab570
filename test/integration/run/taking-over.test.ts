import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { DESTINATION_BUCKET, never } from '../../fixtures/clouds.ts';
import { isList } from './list-requests.ts';
import { MigrationRig } from './migration-rig.ts';

/** Nobody on this host can tell whether it lives. */
const ELSEWHERE = 'otherhost:1:deadbeef-0001';
/** This host's process of this number, before it was this one. */
const GONE = createProcessIdentity().id.replace(/:[0-9a-f]{8}-/, ':deadbeef-');
const PART_OF_GONE = `.object-transfer-parts/${GONE}/1`;
const LEASE_MS = 1_500;

let rig: MigrationRig;
let elsewhere: EmbeddedState;
beforeEach(async () => {
  rig = await MigrationRig.start();
  elsewhere = await rig.openState(ELSEWHERE);
  rig.clouds.put('folder/object', 'abc');
});
afterEach(async () => {
  await elsewhere.close();
  await rig.close();
});

const VERIFIED = { objects: { listed: 1, failed: 0 }, verified: true, failures: [] };

describe('what a process on another host holds', () => {
  test('for publishing is waited for, and then published in the same round', async () => {
    await rig.dump(elsewhere, never);
    const claim = { owner: ELSEWHERE, leaseMs: LEASE_MS, limit: 10 };
    expect(await elsewhere.stateStore.claimSubfolders(claim)).toHaveLength(2);
    expect(await rig.migrate()).toMatchObject(VERIFIED);
    expect(rig.rounds).toBe(1);
  });

  test('for a check is waited for, and then checked', async () => {
    await rig.migrate();
    expect(await elsewhere.stateStore.startSyncCheck('folder/', ELSEWHERE, LEASE_MS)).toBeDefined();
    expect(await rig.migrate()).toMatchObject(VERIFIED);
    expect(rig.rounds).toBe(1);
  });

  test('and never lets go of, ends as a failure and not in a run without end', async () => {
    await rig.migrate();
    expect(await elsewhere.stateStore.startSyncCheck('folder/', ELSEWHERE, 600_000)).toBeDefined();
    expect(await rig.migrate({ leaseMs: 100 })).toMatchObject({
      verified: false,
      failures: [{ key: 'folder/', code: 'STATE_LEASE_LOST' }],
    });
  });
});

test('what a process of this host held that is gone is taken over at once', async () => {
  await rig.dump(elsewhere, never);
  await elsewhere.stateStore.claimSubfolders({ owner: GONE, leaseMs: 600_000, limit: 1 });
  await elsewhere.stateStore.startSyncCheck('folder/', GONE, 600_000);
  rig.clouds.gcs.objects.put(DESTINATION_BUCKET, PART_OF_GONE, 'part');
  expect(await rig.migrate()).toMatchObject(VERIFIED);
  expect(rig.clouds.leftovers()).toEqual([]);
  expect(rig.log).toContainEqual(
    expect.objectContaining({ subfolders: 2, message: 'took over from a process that is gone' }),
  );
});

function isPartsList({ method, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && new URLSearchParams(url.split('?')[1]).get('prefix')?.includes('-parts/') === true;
}

describe('parts of a process that is gone', () => {
  test.each([
    [403, 'DESTINATION_FORBIDDEN'],
    [503, 'DESTINATION_UNAVAILABLE'],
  ])('that cannot be looked for (%d) are told of, and the run goes on', async (status, code) => {
    rig.clouds.gcs.objects.put(DESTINATION_BUCKET, PART_OF_GONE, 'part');
    rig.clouds.break('gcs', (request, response) => {
      if (!isPartsList(request)) return false;
      response.writeHead(status).end();
      return true;
    });
    expect(await rig.migrate()).toMatchObject(VERIFIED);
    expect(rig.clouds.leftovers()).toEqual([PART_OF_GONE]);
    expect(rig.log).toContainEqual(
      expect.objectContaining({ level: 40, code, message: 'temporary parts could not be looked for' }),
    );
  });

  test('that cannot be deleted are told of; the others are deleted, and the run goes on', async () => {
    rig.clouds.gcs.objects.put(DESTINATION_BUCKET, PART_OF_GONE, 'part');
    rig.clouds.gcs.objects.put(DESTINATION_BUCKET, `${PART_OF_GONE}-other`, 'part');
    rig.clouds.break('gcs', ({ method, url = '' }, response) => {
      if (method !== 'DELETE' || url.includes('-other')) return false;
      response.writeHead(403).end();
      return true;
    });
    expect(await rig.migrate()).toMatchObject(VERIFIED);
    expect(rig.clouds.leftovers()).toEqual([PART_OF_GONE]);
    expect(rig.log).toContainEqual(
      expect.objectContaining({
        level: 40,
        parts: 1,
        code: 'DESTINATION_FORBIDDEN',
        message: 'temporary parts could not be deleted',
      }),
    );
  });
});

test('a run that another process has taken over stops, wherever it is', { timeout: 30_000 }, async () => {
  const listing = Promise.withResolvers<void>();
  const run = rig.migrate({
    onPhase: (phase) => {
      if (phase !== 'transferring') return;
      // Never answered: nothing but the loss of the run ends it.
      rig.clouds.break('s3', (request) => {
        if (isList(request)) listing.resolve();
        return true;
      });
    },
  });
  const failure = run.catch((error: unknown) => error);
  await Promise.race([listing.promise, failure]);
  await elsewhere.stateStore.beginRun({
    runId: 'deadbeef-successor',
    job: 'run',
    host: 'otherhost',
    pid: 1,
    staleAfterMs: 30_000,
    isAlive: () => false,
  });
  expect(await failure).toMatchObject({ code: 'STATE_LEASE_LOST' });
  // The one that took over is left alone.
  await elsewhere.stateStore.heartbeatRun('deadbeef-successor');
});
