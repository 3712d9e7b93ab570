import { describe, expect, it } from 'vitest';
import { RunningCommand } from '../e2e/command.ts';
import { bareEnvironment, Rehearsal } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { UploadGate } from '../e2e/upload-gate.ts';
import { listeningAddresses } from './listening-sockets.ts';
import { processTree } from './processes.ts';

// Those of modules, publishers and workers among them, are looked at where they are held at their work:
// test/faults/shutdown-modules.test.ts, test/faults/shutdown-fleet.test.ts, redaction-fleet.test.ts.
describe('listening sockets', () => {
  it('of local-cloud with a fleet, its database included, are on 127.0.0.1', async () => {
    await using rehearsal = await Rehearsal.start();
    const options = { cwd: rehearsal.directory, environment: bareEnvironment(rehearsal.directory) };
    await using cloud = new RunningCommand(['local-cloud', '--fleet', '--json'], options);
    await cloud.waitForOutput('"fleet"');
    // S3, CloudFront, GCS, Pub/Sub, Datastore, Secret Manager, MariaDB.
    expect(await listeningAddresses(cloud)).toEqual(Array.from({ length: 7 }, () => '0100007F'));
    cloud.kill('SIGTERM');
    await cloud.ended;
  });

  it('of a run with worker processes are none', async () => {
    const gate = new UploadGate(0);
    await using rehearsal = await Rehearsal.start({ interceptGcs: gate.intercept });
    putNumberedObjects(rehearsal.source, 1, 2);
    await using run = rehearsal.start(...rehearsal.runFlags, '--processes', '2');
    await run.whileRunning(gate.seen(1));
    expect(await processTree(run.pid)).toHaveLength(3);
    expect(await listeningAddresses(run)).toEqual([]);
    run.kill('SIGKILL');
    gate.release();
  });
});
