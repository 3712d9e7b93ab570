import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, type CommandResult } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';

/*
 * Time is only held against what it must be at least: noise makes it longer. A limit has saved up a second's worth at most
 * when the work begins.
 */

const MIB = 1024 ** 2;

let rehearsal: Rehearsal;
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

function putObjects(folder: string, count: number, sizeBytes: number): void {
  for (let i = 0; i < count; i++) rehearsal.source.put(`${folder}/${i}`, Buffer.alloc(sizeBytes, `${folder}-${i}`));
}

async function runVerified(...flags: readonly string[]): Promise<CommandResult & { readonly report: MigrationReport }> {
  const { report, ...result } = await rehearsal.run(...flags);
  expectExitCode(result, 0);
  if (report === undefined) throw new Error('no report was written');
  return { ...result, report };
}

function bothSides(): readonly string[] {
  const buckets = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET];
  return [...buckets, '--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
}

/** What the log says of the worker's share, line by line. */
function shares(stderr: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = stderr.split('\n').filter((line) => line.includes('share of the fleet'));
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

describe('run', () => {
  it('moves no more bytes per second than max_bandwidth, large objects in parts among them', async () => {
    putObjects('small', 8, MIB / 4);
    putObjects('large', 1, 2 * MIB);
    const { report, stderr } = await runVerified(
      '--max-bandwidth',
      '1MiB',
      '--part-size-mib',
      '1',
      '--parallel-from-mib',
      '1',
    );
    expect(report.bytes.transferred).toBe(4 * MIB);
    expect(report.elapsedMs).toBeGreaterThanOrEqual(3000);
    expect(shares(stderr)[0]).toMatchObject({ liveWorkers: 1, bytesPerSecond: MIB });
  });

  it('writes no more objects per second than the ramp allows, and joins one that is under way', async () => {
    putObjects('first', 20, 10);
    const ramp = ['--write-ramp', 'true', '--write-ramp-start', '5'];
    const { report, stderr } = await runVerified(...ramp);
    expect(report.objects.transferred).toBe(20);
    // It doubles in 20 minutes: in these seconds it hardly grows.
    expect(report.elapsedMs).toBeGreaterThanOrEqual(((20 - 5) / 5.1) * 1000);
    expect(shares(stderr)[0]).toMatchObject({ liveWorkers: 1, writesPerSecond: 5 });

    // As if it had begun 40 minutes ago.
    const state = await openEmbeddedState(rehearsal.path('object-transfer.sqlite'), { owner: 'test:1:0' });
    const { stateStore } = state;
    const { controls } = await stateStore.readFleet({ modes: ['run'], staleAfterMs: 1, controls: ['write_ramp'] });
    const begun = JSON.parse(controls.get('write_ramp') ?? '{}') as { readonly startedAt: string };
    const startedAt = new Date(Date.parse(begun.startedAt) - 2_400_000).toISOString();
    const earlier = JSON.stringify({ ...begun, startedAt });
    expect(await stateStore.replaceControl('write_ramp', controls.get('write_ramp'), earlier)).toBe(true);
    await state.close();
    putObjects('second', 3, 10);
    const joined = await runVerified(...ramp);
    expect(shares(joined.stderr)[0]?.['writesPerSecond']).toBeCloseTo(20, 0);
  });

  it('without limits says nothing of them', async () => {
    putObjects('first', 3, 10);
    expect(shares((await runVerified()).stderr)).toEqual([]);
  });
});

describe('worker processes', () => {
  it.each(['cdnTransfer', 'rsync'])(
    'of mode %s that are running go by what limits sets, each its part',
    async (mode) => {
      expectExitCode(await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET), 0);
      await using workers = rehearsal.start('worker', mode, ...bothSides(), '--processes', '2');
      await workers.waitForOutput('worker processes started');
      expectExitCode(await rehearsal.command('limits', '--max-bandwidth', '8MiB'), 0);
      await workers.waitForOutput(`"liveWorkers":2,"bytesPerSecond":${4 * MIB}`);
      workers.kill('SIGTERM');
      expect((await workers.ended).exitCode).toBe(0);
    },
  );
});

describe('sync', () => {
  it('is one of those who share', async () => {
    putObjects('first', 2, 10);
    await runVerified();
    rehearsal.source.put('first/0', 'changed');
    const state = await openEmbeddedState(rehearsal.path('object-transfer.sqlite'), { owner: 'test:1:0' });
    const { stateStore } = state;
    const worker = { workerId: 'elsewhere', runId: undefined, mode: 'rsync', host: 'host', pid: 1, counters: {} };
    await stateStore.reportWorker(worker);
    const synced = await rehearsal.command('sync', 'first/0', ...bothSides(), '--max-bandwidth', '8MiB', '--json');
    expectExitCode(synced, 0);
    expect(JSON.parse(synced.stdout)).toMatchObject({ transferred: 1 });
    expect(shares(synced.stderr)).toMatchObject([{ liveWorkers: 2, bytesPerSecond: 4 * MIB }]);
    const request = { modes: ['rsync', 'sync'], staleAfterMs: 60_000, controls: ['write_ramp'] };
    expect((await stateStore.readFleet(request)).liveWorkers).toBe(1);
    await state.close();
  });
});
