import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BucketOptions } from '@object-transfer/local-cloud/s3/bucket';
import type { TransferClient } from '../clients.ts';
import { measureCommand } from '../measure-command.ts';
import { summarize, type Measurement, type RoundCost, type Unit } from '../measurement.ts';
import { CLIENT_CPUS, SERVER_CPUS } from '../processors.ts';
import type { CountAnswer, CountRequest, RunningServers, ServerRequest } from '../servers-process.ts';
import { BenchProcess } from '../start-process.ts';

/** A bucket to be moved, and who moves it. */
export interface TransferScenario {
  readonly name: string;
  readonly source: BucketOptions;
  readonly objects: number;
  readonly unit: Extract<Unit, 'object' | 'GiB'>;
  /** In the unit. */
  readonly units: number;
  readonly clients: readonly TransferClient[];
  readonly rounds: number;
}

const TIMEOUT_MS = 1_800_000;

/**
 * Moves the bucket once by each client and round, the clients taking turns so that what else the machine does befalls all
 * of them, each into a bucket of its own.
 * @throws Error where a client fails, or does not move all objects
 */
export async function measureTransfers(scenario: TransferScenario): Promise<readonly Measurement[]> {
  const clients = scenario.clients.filter((client) => client.isInstalled());
  const destinations = clients.flatMap((_, index) =>
    Array.from({ length: scenario.rounds }, (_round, round) => destinationOf(index, round)),
  );
  const request: ServerRequest = { source: scenario.source, destinations };
  await using servers = new BenchProcess('servers-process.ts', [JSON.stringify(request)], SERVER_CPUS);
  const urls = await servers.told<RunningServers>();
  const costs = new Map<TransferClient, RoundCost[]>(clients.map((client) => [client, []]));
  for (let round = 0; round < scenario.rounds; round++) {
    for (const [index, client] of clients.entries()) {
      const destination = destinationOf(index, round);
      costs.get(client)?.push(await moveOnce(client, urls, destination));
      await checkMoved(servers, scenario, client, destination);
    }
  }
  return [...costs].map(([{ name, note }, rounds]) =>
    summarize({ scenario: scenario.name, client: name, unit: scenario.unit, units: scenario.units, note }, rounds),
  );
}

function destinationOf(client: number, round: number): string {
  return `client-${client}-round-${round}`;
}

async function moveOnce(client: TransferClient, urls: RunningServers, destination: string): Promise<RoundCost> {
  const directory = await mkdtemp(join(tmpdir(), 'object-transfer-bench-'));
  try {
    const command = client.command(urls, destination, directory);
    return await measureCommand({
      ...command,
      directory,
      cpus: client.cpus ?? CLIENT_CPUS,
      timeoutMs: TIMEOUT_MS,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What does not arrive costs nothing. */
async function checkMoved(
  servers: BenchProcess,
  scenario: TransferScenario,
  client: TransferClient,
  destination: string,
): Promise<void> {
  if (client.movesToGcs === false) return;
  const { objects } = await servers.ask<CountAnswer>({ countBucket: destination } satisfies CountRequest);
  if (objects === scenario.objects) return;
  throw new Error(`${client.name} moved ${objects} of ${scenario.objects} objects`);
}
