import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { homeIn } from '../../services/mariadb-database.ts';
import { numberedRows } from '../../services/mariadb-rows.ts';
import { connectionTo, startMariadb } from '../../services/mariadb.ts';
import { summarize, type Measurement } from '../measurement.ts';
import type { ScenarioSize } from '../scenario.ts';

const SMALL_TABLE_ROWS = 10_000;
const LARGE_TABLE_ROWS = 1_000_000;
const CLAIMS = 300;
const CLAIM_SUBFOLDERS = 16;

/** Tables of one size: what waits in them, and what it is claimed for. */
const VARIANTS = [
  { target: 'objects', published: 'none', suffix: '' },
  { target: 'objects', published: 'nearly all', suffix: ', nearly all published' },
  { target: 'syncCheck', published: 'none', suffix: ', for a comparison' },
] as const;

type Target = (typeof VARIANTS)[number]['target'];

/**
 * What a publisher waits for: a claim of 16 subfolders, in MariaDB tables of two sizes, in which every row waits or nearly none does.
 */
export async function measureClaims({ share }: ScenarioSize): Promise<readonly Measurement[]> {
  const server = await startMariadb();
  try {
    const measurements: Measurement[] = [];
    for (const rows of [SMALL_TABLE_ROWS, LARGE_TABLE_ROWS * share]) {
      for (const { target, published, suffix } of VARIANTS) {
        const waiting = published === 'none' ? rows : CLAIMS * CLAIM_SUBFOLDERS;
        const costs = await claimAll(server, `bench_${measurements.length}`, rows, waiting, target);
        const client = `${rows} rows${suffix}`;
        measurements.push(
          summarize(
            { scenario: 'claim', client, unit: 'claim', units: 1 },
            costs.map((wallMs) => ({ wallMs })),
          ),
        );
      }
    }
    return measurements;
  } finally {
    await server.close();
  }
}

/** @returns milliseconds for each claim */
async function claimAll(
  server: Mariadb,
  database: string,
  rows: number,
  waiting: number,
  target: Target,
): Promise<readonly number[]> {
  const home = await homeIn(connectionTo(server, database), 'state', true);
  await prepareMysqlState(home);
  await home.query(numberedRows(home.table, rows, rows - waiting));
  const store = await openMysqlState(home);
  const costs: number[] = [];
  for (let claim = 0; claim < CLAIMS; claim++) {
    const beforeMs = performance.now();
    const leases = await store.claimSubfolders({
      owner: 'bench:1:0',
      leaseMs: 600_000,
      limit: CLAIM_SUBFOLDERS,
      target,
    });
    costs.push(performance.now() - beforeMs);
    if (leases.length < CLAIM_SUBFOLDERS) throw new Error(`only ${leases.length} rows were left for claim ${claim}`);
    for (const lease of leases) {
      await (target === 'objects'
        ? store.confirmPublished(lease, { objects: 1, bytes: 1 })
        : store.confirmWorkPublished(lease, target));
    }
  }
  await store.close();
  await home.dispose();
  return costs;
}
