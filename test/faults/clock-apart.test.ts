import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { configuredBy, Fleet } from '../e2e/fleet.ts';
import { ENTITIES, prepareFleet, putReferenceConfiguration, ROOT } from '../e2e/reference-configuration.ts';
import { putObjects } from '../e2e/source-objects.ts';
import { HostClock } from './clock-shift.ts';
import { RequestGate } from './shutdown-gate.ts';

/** Less than what a process refuses to start with, and many times the lease. */
const APART_MS = 4 * 60_000;
const PUBLISHER = ['publisher', 'objects', ...configuredBy(ENTITIES.publisher), '--lease-seconds', '10', '--json'];
const FOLDERS = ['folder-0/', 'folder-1/', 'folder-2/'];

let fleet: Fleet;
let listing: RequestGate;
beforeAll(async () => {
  listing = new RequestGate((url) => url.includes(`prefix=${ROOT}%2Ffolder-`));
  fleet = await Fleet.start({ interceptS3: listing.intercept });
  putReferenceConfiguration(fleet);
  putObjects(fleet.rehearsal.source, new Map(FOLDERS.map((folder) => [`${ROOT}/${folder}object`, Buffer.from('x')])));
  await prepareFleet(fleet);
  await writeFile(fleet.rehearsal.path('dump.txt'), `${FOLDERS.join('\n')}\n`);
  expectExitCode(await fleet.command('dump', ...configuredBy(ENTITIES.dump), '--dump_file', 'dump.txt'), 0);
});
afterAll(() => fleet[Symbol.asyncDispose]());

let publishedBefore: number;
beforeEach(async () => {
  await fleet.home.query(`UPDATE ${fleet.table} SET initial_transfer = TRUE, cdn_transfer_published = FALSE`);
  publishedBefore = fleet.pubsub.stats().published;
  listing.close();
});

/** A publisher on a host of its own. */
function startPublisher(name: string, aheadMs: number): RunningCommand {
  const clock = new HostClock(fleet.rehearsal.path(`clock-${name}`), aheadMs);
  const environment = clock.environment(fleet.environment);
  return new RunningCommand(PUBLISHER, { cwd: fleet.rehearsal.directory, environment });
}

describe('two hosts of a fleet whose clocks are apart', () => {
  it('leave each other what they hold: the one that is ahead publishes nothing of it', async () => {
    await using holder = startPublisher('holder', 0);
    await holder.whileRunning(listing.held);
    await using other = startPublisher('other', APART_MS);
    await other.waitForOutput('waiting for what other publishers hold');
    other.kill('SIGTERM');
    const stopped = await other.ended;
    expectExitCode(stopped, 1);
    expect(JSON.parse(stopped.stdout)).toMatchObject({ subfolders: 0, leasesLost: 0 });
    listing.open();
    const ended = await holder.ended;
    expectExitCode(ended, 0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ objects: FOLDERS.length, leasesLost: 0, leasedByOthers: 0 });
    expect(fleet.pubsub.stats().published - publishedBefore).toBe(FOLDERS.length);
  });
});

describe('a process of a fleet whose clock is set while it works', () => {
  it.each([
    ['forward', 5 * 3_600_000],
    ['back', -5 * 3_600_000],
  ])('%s by hours keeps what it holds, and publishes it once', async (_where, aheadMs) => {
    const clock = new HostClock(fleet.rehearsal.path('clock'));
    await using publisher = new RunningCommand(PUBLISHER, {
      cwd: fleet.rehearsal.directory,
      environment: clock.environment(fleet.environment),
    });
    await publisher.whileRunning(listing.held);
    await clock.set(aheadMs);
    listing.open();
    const result = await publisher.ended;
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({ objects: FOLDERS.length, leasesLost: 0 });
    expect(fleet.pubsub.stats().published - publishedBefore).toBe(FOLDERS.length);
  });
});
