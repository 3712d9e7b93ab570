import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { keepSweeping } from '@object-transfer/worker/cdn-transfer/keep-sweeping';
import { partsPrefix } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { Clouds, DESTINATION_BUCKET } from '../../fixtures/clouds.ts';
import { openTestState, type TestState } from './embedded-state.ts';

let clouds: Clouds;
let state: TestState;
beforeEach(async () => {
  clouds = await Clouds.start();
  state = await openTestState();
});
afterEach(async () => {
  await state.close();
  await clouds.close();
});

const ENDED = 'another-host:1:0000000a-0001';
const LIVE = 'another-host:2:0000000b-0001';
const UNKNOWN = 'another-host:3:0000000c-0001';
/** No process has this number: it is above the highest that Linux gives. */
const GONE_HERE = createProcessIdentity().id.replace(/:\d+:[0-9a-f]{8}/, `:${2 ** 22 + 1}:0000000d`);

function putPart(processId: string): string {
  const name = `${partsPrefix('mirror/', processId)}run/0`;
  clouds.gcs.objects.put(DESTINATION_BUCKET, name, 'x');
  return name;
}

function startSweeping(
  everyMs: number,
  stateStore: Pick<StateStore, 'isWorkerSilent'> = state.stateStore,
): () => Promise<void> {
  return keepSweeping({
    destination: clouds.transferContext().destination,
    gcsRootPrefix: 'mirror/',
    stateStore,
    logger: pino({ level: 'silent' }),
    everyMs,
  });
}

async function untilGone(...names: readonly string[]): Promise<void> {
  while (clouds.leftovers().some((name) => names.includes(name))) await delay(5);
}

it('deletes the parts of workers that have ended and of processes that are gone, and no others', async () => {
  const report = { runId: undefined, mode: 'rsync', host: 'another-host', pid: 1, counters: {} };
  await state.stateStore.reportWorker({ ...report, workerId: ENDED, hasEnded: true });
  await state.stateStore.reportWorker({ ...report, workerId: LIVE });
  const dead = [putPart(ENDED), putPart(GONE_HERE)];
  const others = [putPart(LIVE), putPart(UNKNOWN), putPart(createProcessIdentity().id)];
  const stop = startSweeping(5);
  await untilGone(...dead);
  await stop();
  expect(clouds.leftovers().toSorted()).toEqual(others.toSorted());
});

it('looks again and again, whatever fails meanwhile', async () => {
  let failures = 3;
  clouds.break('gcs', (request, response) => {
    if (failures === 0 || request.method !== 'GET') return false;
    failures--;
    response.writeHead(403).end();
    return true;
  });
  const stop = startSweeping(1);
  await untilGone(putPart(GONE_HERE));
  expect(failures).toBe(0);
  await untilGone(putPart(GONE_HERE));
  await stop();
});

it('takes a worker that is silent for dead only when it is so at the next sweep, too', async () => {
  const part = putPart(ENDED);
  const looks: boolean[] = [];
  const { promise: lookedAgain, resolve } = Promise.withResolvers<void>();
  const stateStore = {
    // As when the state was away: at first nobody seems to have reported for long.
    isWorkerSilent: async () => {
      if (looks.push(true) === 4) resolve();
      return looks.length === 1;
    },
  };
  const stop = startSweeping(1, stateStore);
  await lookedAgain;
  await stop();
  expect(clouds.leftovers()).toEqual([part]);
});
