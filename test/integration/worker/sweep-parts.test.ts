import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sweepParts, partsPrefix } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import { Clouds, DESTINATION_BUCKET, never } from '../../fixtures/clouds.ts';

let clouds: Clouds;
beforeEach(async () => {
  clouds = await Clouds.start();
});
afterEach(() => clouds.close());

describe('sweeping', () => {
  test('deletes the parts of processes that are gone, and nothing else', async () => {
    const { destination } = clouds.transferContext();
    const dead = 'host:1:0000000a';
    const alive = 'host:2:0000000b';
    const names = [
      `${partsPrefix('mirror/', dead)}run/0`,
      `${partsPrefix('mirror/', dead)}run/1`,
      `${partsPrefix('mirror/', alive)}run/0`,
      `${partsPrefix('', dead)}run/0`,
      'mirror/photo',
    ];
    for (const name of names) clouds.gcs.objects.put(DESTINATION_BUCKET, name, 'x');
    expect(
      await sweepParts(
        { destination: destination, gcsRootPrefix: 'mirror/', isDead: (owner) => owner === dead },
        never,
      ),
    ).toMatchObject({
      deleted: 2,
      failed: 0,
    });
    const left = clouds.gcs.objects.names(DESTINATION_BUCKET);
    expect(names.map((name) => left.includes(name))).toEqual([false, false, true, true, true]);
    expect(
      await sweepParts({ destination: destination, gcsRootPrefix: '', isDead: (owner) => owner === dead }, never),
    ).toMatchObject({ deleted: 1 });
    expect(await sweepParts({ destination: destination, gcsRootPrefix: '', isDead: () => true }, never)).toMatchObject({
      deleted: 0,
    });
  });

  test('counts what it cannot delete and deletes the others', async () => {
    const { destination } = clouds.transferContext();
    const prefix = partsPrefix('stuck/', 'host:1:0000000a');
    for (const part of ['0', '1', '2']) clouds.gcs.objects.put(DESTINATION_BUCKET, `${prefix}run/${part}`, 'x');
    clouds.break('gcs', (request, response) => {
      if (request.method !== 'DELETE' || request.url?.includes('run%2F1') !== true) return false;
      response.writeHead(403).end();
      return true;
    });
    expect(
      await sweepParts({ destination: destination, gcsRootPrefix: 'stuck/', isDead: () => true }, never),
    ).toMatchObject({
      deleted: 2,
      failed: 1,
      firstError: { code: 'DESTINATION_FORBIDDEN' },
    });
    clouds.heal();
    await sweepParts({ destination: destination, gcsRootPrefix: 'stuck/', isDead: () => true }, never);
  });
});
