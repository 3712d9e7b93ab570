import type { CheckCost } from '../check-process.ts';
import type { CheckServers } from '../check-servers-process.ts';
import { summarize, type Measurement, type RoundCost } from '../measurement.ts';
import { CLIENT_CPUS, SERVER_CPUS } from '../processors.ts';
import type { ScenarioSize } from '../scenario.ts';
import { BenchProcess } from '../start-process.ts';

const OBJECTS = 1_000_000;

/**
 * One folder with so many objects on each side is compared. The start of the process is not counted: a worker that compares folders
 * is started once.
 */
export async function measureCheck({ share, rounds }: ScenarioSize): Promise<readonly Measurement[]> {
  const objects = OBJECTS * share;
  await using servers = new BenchProcess('check-servers-process.ts', [String(objects)], SERVER_CPUS);
  const { s3Url, gcsUrl } = await servers.told<CheckServers>();
  const costs: RoundCost[] = [];
  for (let round = 0; round < rounds; round++) {
    await using client = new BenchProcess('check-process.ts', [s3Url, gcsUrl], CLIENT_CPUS);
    const cost = await client.told<CheckCost>();
    if (cost.objects !== objects) throw new Error(`${cost.objects} of ${objects} objects were compared`);
    costs.push(cost);
  }
  return [summarize({ scenario: 'check', client: 'both sides', unit: 'object', units: objects }, costs)];
}
