import type { CheckServers } from '../check-servers-process.ts';
import type { ListingCost } from '../listing-process.ts';
import { summarize, type Measurement, type RoundCost } from '../measurement.ts';
import { CLIENT_CPUS, SERVER_CPUS } from '../processors.ts';
import type { ScenarioSize } from '../scenario.ts';
import { BenchProcess } from '../start-process.ts';

const KEYS = 1_000_000;
/** As the command does. */
const STREAMS = 4;

const SERVICES = [
  { service: 's3', client: 'S3' },
  { service: 'gcs', client: 'GCS' },
] as const;

/** One folder of so many objects is listed, on each side. The start of the process is not counted. */
export async function measureListing({ share, rounds }: ScenarioSize): Promise<readonly Measurement[]> {
  const keys = KEYS * share;
  await using servers = new BenchProcess('check-servers-process.ts', [String(keys)], SERVER_CPUS);
  const urls = await servers.told<CheckServers>();
  const measurements: Measurement[] = [];
  for (const { service, client } of SERVICES) {
    const costs: RoundCost[] = [];
    for (let round = 0; round < rounds; round++) {
      const url = service === 's3' ? urls.s3Url : urls.gcsUrl;
      await using lister = new BenchProcess('listing-process.ts', [service, url, String(STREAMS)], CLIENT_CPUS);
      const cost = await lister.told<ListingCost>();
      if (cost.keys !== keys) throw new Error(`${cost.keys} of ${keys} keys were listed`);
      costs.push(cost);
    }
    measurements.push(summarize({ scenario: 'listing', client, unit: 'key', units: keys }, costs));
  }
  return measurements;
}
