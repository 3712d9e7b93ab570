import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startSilentServer, type SilentServer } from '../integration/config/silent-server.ts';
import { RunningCommand, type CommandResult } from './command.ts';
import { dumpOf } from './fleet-refusal.ts';
import { configuredBy, Fleet } from './fleet.ts';
import { ENTITIES, prepareFleet, putReferenceConfiguration, SECRET, DUMP_SECRET } from './reference-configuration.ts';

/** Far below what a command waits for a service, and far above what it takes to stop on a busy machine. */
const PROMPT_MS = 10_000;

const WORKER = ['worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker)];
const PUBLISHER = ['publisher', 'objects', ...configuredBy(ENTITIES.publisher)];

let fleet: Fleet;
let silent: SilentServer;
let dump: readonly string[];
beforeAll(async () => {
  fleet = await Fleet.start();
  putReferenceConfiguration(fleet);
  await prepareFleet(fleet);
  fleet.rehearsal.source.put('photos/object', 'x');
  dump = await dumpOf(fleet, ENTITIES.dump);
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** Starts a command, waits until it has called the service that does not answer, and signals it. */
async function stopWaiting(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const called = silent.connections;
  await using command = new RunningCommand(args, {
    cwd: fleet.rehearsal.directory,
    environment: { ...fleet.environment, ...environment },
  });
  await command.whileRunning(
    vi.waitFor(() => expect(silent.connections).toBeGreaterThan(called), { timeout: 60_000, interval: 20 }),
  );
  const signalledAt = performance.now();
  command.kill('SIGTERM');
  const result = await command.ended;
  expect(performance.now() - signalledAt).toBeLessThan(PROMPT_MS);
  return result;
}

const STOPPED = { exitCode: 1, stdout: '', stderr: expect.stringContaining('stopped by SIGTERM; run') as string };
/** A worker is not to do anything to its end, so it is no failure that it has done nothing. */
const NOTHING_DONE = { exitCode: 0, stdout: '0 objects transferred (0 B), 0 skipped, 0 failed\n' };

describe('SIGTERM ends at once what waits for an answer while it starts', () => {
  beforeAll(async () => {
    silent = await startSilentServer();
  });
  afterAll(() => silent.close());

  it('of Datastore', async () => {
    const environment = { DATASTORE_EMULATOR_HOST: silent.host };
    expect(await stopWaiting(WORKER, environment)).toMatchObject(NOTHING_DONE);
    expect(await stopWaiting(PUBLISHER, environment)).toMatchObject(STOPPED);
    expect(await stopWaiting(dump, environment)).toMatchObject(STOPPED);
  });

  it('of Secret Manager', async () => {
    const environment = { SECRET_MANAGER_EMULATOR_HOST: silent.host };
    expect(await stopWaiting(WORKER, environment)).toMatchObject(NOTHING_DONE);
    expect(await stopWaiting(PUBLISHER, environment)).toMatchObject(STOPPED);
    expect(await stopWaiting(dump, environment)).toMatchObject(STOPPED);
  });

  it('of Pub/Sub', async () => {
    const environment = { PUBSUB_EMULATOR_HOST: silent.host };
    expect(await stopWaiting(WORKER, environment)).toMatchObject(NOTHING_DONE);
    expect(await stopWaiting(PUBLISHER, environment)).toMatchObject(STOPPED);
  });

  it('of MySQL', async () => {
    const mysql = { ...fleet.mysqlConfig, port: Number(silent.host.split(':')[1]) };
    fleet.putSecret(DUMP_SECRET, JSON.stringify({ mysql_config: mysql }));
    fleet.putSecret(SECRET, JSON.stringify({ aws_key_id: 'local', aws_key_secret: 'local', mysql_config: mysql }));
    expect(await stopWaiting(WORKER, {})).toMatchObject(NOTHING_DONE);
    expect(await stopWaiting(PUBLISHER, {})).toMatchObject(STOPPED);
    expect(await stopWaiting(dump, {})).toMatchObject(STOPPED);
  });
});
