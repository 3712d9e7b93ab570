import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AWS, BARE_RELAY, GCLOUD, objectTransfer, RCLONE, type TransferClient, TWO_BARE_RELAYS } from '../clients.ts';
import type { Measurement } from '../measurement.ts';
import { TWO_CLIENT_CPUS } from '../processors.ts';
import type { ScenarioSize } from '../scenario.ts';
import { measureTransfers } from './transfer.ts';

const KIB = 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export const OURS = 'object-transfer run';
export const OURS_IN_PARTS = 'object-transfer run, in parts';
export const OURS_IN_TWO = 'object-transfer run, 2 processes';

/** So many that what a start costs does not count. The others take minutes for as many, and their share of a start is small. */
const SMALL_OBJECTS = 40_000;
const SMALL_SHARE: readonly (readonly [TransferClient, number])[] = [
  [objectTransfer(OURS), 1],
  [BARE_RELAY, 1],
  [RCLONE, 0.1],
  [GCLOUD, 0.0125],
  [AWS, 0.05],
];

/** Objects of 16 KiB. */
export async function measureSmall({ share, rounds }: ScenarioSize): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const objects of new Set(SMALL_SHARE.map(([, part]) => SMALL_OBJECTS * part * share))) {
    const clients = SMALL_SHARE.filter(([, part]) => SMALL_OBJECTS * part * share === objects).map(
      ([client]) => client,
    );
    const source = { generated: [{ count: objects, sizesBytes: [16 * KIB] }] };
    measurements.push(
      ...(await measureTransfers({ name: 'small', source, objects, unit: 'object', units: objects, clients, rounds })),
    );
  }
  return measurements;
}

/** The tool's own dependencies, as a directory of real files of all sizes. */
export async function measureMixed({ rounds }: ScenarioSize): Promise<readonly Measurement[]> {
  const path = fileURLToPath(new URL('../../../node_modules', import.meta.url));
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const objects = entries.filter((entry) => entry.isFile()).length;
  const clients = [objectTransfer(OURS), RCLONE];
  const source = { directories: [{ path }] };
  return measureTransfers({ name: 'mixed', source, objects, unit: 'object', units: objects, clients, rounds });
}

/** Objects of 256 MiB. */
export async function measureLarge({ share, rounds }: ScenarioSize): Promise<readonly Measurement[]> {
  const objects = Math.max(1, Math.round(8 * share));
  const source = { generated: [{ count: objects, sizesBytes: [256 * MIB] }] };
  const units = (objects * 256 * MIB) / GIB;
  const clients = [objectTransfer(OURS), objectTransfer(OURS_IN_PARTS, '--parallel-from-mib', '64'), RCLONE];
  return measureTransfers({ name: 'large', source, objects, unit: 'GiB', units, clients, rounds });
}

/**
 * What takes the most memory: large objects, and those that just deserve a stream, with as many under way as the settings allow
 * from the first moment on.
 */
export async function measureMemory({ share, rounds }: ScenarioSize): Promise<readonly Measurement[]> {
  const objects = Math.round(1800 * share);
  const small = [600_000, 200_000, 60_000, 1_500_000].flatMap((bytes) => Array.from({ length: 5 }, () => bytes));
  const sizesBytes = [24 * MIB, ...small.slice(1)];
  const source = { generated: [{ count: objects, sizesBytes }] };
  const clients = [objectTransfer(OURS, '--initial-concurrency', '128')];
  return measureTransfers({ name: 'memory', source, objects, unit: 'object', units: objects, clients, rounds });
}

/**
 * So many that what the starts cost does not count, here too: two processes are three starts, and each compiles for itself what it does
 * most. Beyond one process that was 1.8 s of CPU by the first 10,000 objects: a tenth of what 80,000 take, and 4% here.
 */
const PROCESSES_OBJECTS = 200_000;

/**
 * Small objects again, by one process and by two, in turns: they are compared with each other. What two processes take from each other
 * on the processor that they share shows by relays that have nothing in common.
 */
export async function measureProcesses({ share, rounds }: ScenarioSize): Promise<readonly Measurement[]> {
  const objects = PROCESSES_OBJECTS * share;
  const source = { generated: [{ count: objects, sizesBytes: [16 * KIB] }] };
  const clients = [
    objectTransfer(OURS),
    { ...objectTransfer(OURS_IN_TWO, '--processes', '2'), cpus: TWO_CLIENT_CPUS },
    BARE_RELAY,
    { ...TWO_BARE_RELAYS, cpus: TWO_CLIENT_CPUS },
  ];
  return measureTransfers({ name: 'processes', source, objects, unit: 'object', units: objects, clients, rounds });
}
