import { expect, test } from 'vitest';
import { DESTINATION_BUCKET } from '../fixtures/clouds.ts';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { PARTS_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { pseudoRandomBytes } from '../integration/storage/raw-server.ts';
import { auditObjects } from './audit-objects.ts';
import { legOf, type Service } from './http-fault-legs.ts';
import { HttpFaultProxy } from './http-fault-proxy.ts';
import { HttpFaultRig, OBJECT_KINDS } from './http-fault-rig.ts';
import { chooseAtRandom, FAULT_SEED } from './http-random-faults.ts';

test(`all arrives where every fifth request is broken at random (FAULT_SEED=${FAULT_SEED})`, async () => {
  await using rig = await HttpFaultRig.start();
  rig.chooseBy(chooseAtRandom(FAULT_SEED, 0.2));
  let left = Array.from({ length: 48 }, (_, index) => {
    const kind = OBJECT_KINDS[index % OBJECT_KINDS.length] ?? 'small';
    return { kind, expected: rig.put(kind, `${kind} ${index}`) };
  });
  const codes: string[] = [];
  // A message whose objects have failed for now comes back.
  for (let delivery = 1; left.length > 0 && delivery <= 10; delivery++) {
    const ended = await Promise.all(left.map(({ kind, expected }) => rig.transfer(kind, expected)));
    codes.push(...ended.filter((end) => end !== 'transferred' && end !== 'skipped'));
    left = left.filter((_, index) => ended[index] !== 'transferred' && ended[index] !== 'skipped');
  }
  expect(left).toEqual([]);
  expect(
    codes.filter(
      (code) =>
        !/_(?:CONNECTION|UNAVAILABLE|THROTTLED|STALE_COPY|TRANSFORMED_COPY|SIZE_MISMATCH|RANGE_NOT_HONOURED)$/.test(
          code,
        ),
    ),
  ).toEqual([]);
  rig.heal();
  await rig.sweepParts();
  expect(await rig.audit()).toEqual([]);
  expect(rig.proxies.cdn.injected.size).toBeGreaterThan(5);
  expect(rig.proxies.gcs.injected.size).toBeGreaterThan(5);
});

test(`run ends verified where its HTTP is broken at random (FAULT_SEED=${FAULT_SEED})`, async () => {
  await using rehearsal = await Rehearsal.start({ distribution: { includesQueryString: true } });
  await using stack = new AsyncDisposableStack();
  const choose = chooseAtRandom(FAULT_SEED, 0.1);
  const urls: Record<Service, string> = { s3: '', cdn: '', gcs: '' };
  for (const service of ['s3', 'cdn', 'gcs'] as const) {
    const proxy = await HttpFaultProxy.start({
      targetUrl: rehearsal[service].url,
      choose: (request) => choose(legOf(service, request)),
    });
    urls[service] = stack.use(proxy).url;
  }
  const attributes = { contentType: 'text/x-kind', userMetadata: { author: 'Zoë' } };
  for (let index = 0; index < 60; index++) {
    const bytes = index % 20 === 0 ? 2_700_000 : 1_000 + index;
    const etag = index % 20 === 0 ? `${'0123456789abcdef'.repeat(2)}-3` : undefined;
    rehearsal.source.put(`folder ${index % 4}/a..b//${index}`, pseudoRandomBytes(bytes, index), { etag, attributes });
  }
  const from = [
    'run',
    '--from',
    `s3://${SOURCE_BUCKET}/`,
    '--to',
    `gs://${DESTINATION_BUCKET}/`,
    '--cdn',
    `${urls.cdn}/`,
  ];
  const environment = { ...rehearsal.environment, AWS_ENDPOINT_URL_S3: urls.s3, STORAGE_EMULATOR_HOST: urls.gcs };
  await using command = new RunningCommand(
    [...from, '--parallel-from-mib', '1', '--part-size-mib', '1', '--report', 'report.json'],
    {
      cwd: rehearsal.directory,
      environment,
    },
  );
  expectExitCode(await command.ended, 0);
  const { source, gcs } = rehearsal;
  const audit = { source, gcs, destination: DESTINATION_BUCKET, partsBuckets: [PARTS_BUCKET] };
  expect(await auditObjects(audit)).toEqual([]);
});
