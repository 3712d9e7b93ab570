import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { OBJECT_KINDS, HttpFaultRig, type ObjectKind } from './http-fault-rig.ts';
import type { Leg } from './http-fault-legs.ts';

/** A kept-alive connection on which somebody in between has lost count: answers belong to the request before. */
let rig: HttpFaultRig;
beforeAll(async () => {
  rig = await HttpFaultRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.clear());

const ROWS: readonly (readonly [Leg, ObjectKind])[] = [
  ['cdn get', 'small'],
  ['cdn get', 'streamed'],
  ['cdn get', 'parts'],
  ['s3 head', 'small'],
  ['gcs insert', 'small'],
  ['gcs insert', 'streamed'],
  ['gcs insert', 'parts'],
  ['gcs start of a session', 'session'],
  ['gcs session', 'session'],
  ['gcs compose', 'parts'],
  ['gcs rewrite', 'parts'],
];

test.each(ROWS)('%s: the answer to another request is not taken for the own one (%s)', async (leg, kind) => {
  let requests = 0;
  rig.chooseBy((asked) => (asked === leg && requests++ % 3 === 0 ? { kind: 'answerTwice' } : undefined));
  const ended: string[] = [];
  for (let object = 0; object < 6; object++) {
    const { key } = rig.put(kind, `${kind} ${object}`);
    ended.push(await rig.transfer(kind, { key }));
  }
  expect(ended.filter((end) => end !== 'transferred' && end !== 'skipped')).toEqual([]);
  expect(await rig.audit()).toEqual([]);
});

test('where all are under way at a time, what is said to have arrived is there', async () => {
  let requests = 0;
  rig.chooseBy(() => (requests++ % 7 === 0 ? { kind: 'answerTwice' } : undefined));
  const failed = new Set<string>();
  const transfers = Array.from({ length: 24 }, async (_, object) => {
    const kind = OBJECT_KINDS[object % OBJECT_KINDS.length] ?? 'small';
    const key = `${kind} ${object}`;
    const end = await rig.transfer(kind, rig.put(kind, key));
    // That there is nothing, or no permission, may be the answer to another request, too.
    if (end !== 'transferred' && end !== 'skipped') failed.add(key);
  });
  await Promise.all(transfers);
  const wrong = (await rig.audit()).filter(({ kind, name }) => kind !== 'leftover' && !failed.has(name));
  expect(wrong).toEqual([]);
  expect(failed.size).toBeLessThan(transfers.length / 2);
});
