import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { partsPrefix } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import { expectExitCode } from './command.ts';
import { DESTINATION_BUCKET, PARTS_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putNumberedObjects } from './source-objects.ts';

let rehearsal: Rehearsal;
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  putNumberedObjects(rehearsal.source, 1, 1);
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

/** No process has this number: it is above the highest that Linux gives. */
const GONE = createProcessIdentity().id.replace(/:\d+:[0-9a-f]{8}/, `:${2 ** 22 + 1}:0000000a`);
const LEFT_BEHIND = `${partsPrefix('', GONE)}run/0`;

it.each<{ mode: string; flags: readonly string[]; bucket: string }>([
  { mode: 'cdnTransfer', flags: [], bucket: DESTINATION_BUCKET },
  { mode: 'cdnTransfer', flags: ['--parts-bucket', PARTS_BUCKET, '--processes', '2'], bucket: PARTS_BUCKET },
  { mode: 'rsync', flags: [], bucket: DESTINATION_BUCKET },
])('worker $mode $flags deletes the parts that a killed one left behind', async ({ mode, flags, bucket }) => {
  rehearsal.gcs.objects.put(bucket, LEFT_BEHIND, 'x');
  const buckets = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET];
  const cdn = ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
  await using worker = rehearsal.start('worker', mode, ...buckets, ...cdn, ...flags);
  const swept = async (): Promise<void> => {
    while (rehearsal.gcs.objects.resource(bucket, LEFT_BEHIND) !== undefined) await delay(20);
  };
  await worker.whileRunning(swept());
  worker.kill('SIGTERM');
  expectExitCode(await worker.ended, 0);
  expect(rehearsal.gcs.objects.names(bucket)).toEqual([]);
});
