import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { homeIn } from '../services/mariadb-database.ts';
import { numberedRows } from '../services/mariadb-rows.ts';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { connectionTo, startMariadb } from '../services/mariadb.ts';

/** What one claim and the confirmation of what it took cost, in a table of some size. */
interface ClaimCost {
  readonly rows: number;
  readonly target: 'objects' | 'syncCheck';
  readonly published: 'none' | 'nearly all';
  readonly claimMs: number;
  readonly confirmMs: number;
}

const SIZES = [10_000, 1_000_000];
const VARIANTS = [
  { target: 'objects', published: 'none' },
  { target: 'objects', published: 'nearly all' },
  { target: 'syncCheck', published: 'none' },
] as const;
const ROUNDS = 300;
const CLAIM_SUBFOLDERS = 16;

/**
 * Claims as publishers of objects do, at each size, in a table where every row waits and in one where nearly all are
 * published, and as publishers of comparisons do.
 * @returns medians in milliseconds, of a claim of 16 subfolders and of the confirmation of one
 */
async function measureClaims(server: Mariadb): Promise<readonly ClaimCost[]> {
  const costs: ClaimCost[] = [];
  for (const rows of SIZES) {
    for (const { target, published } of VARIANTS) {
      const home = await homeIn(connectionTo(server, `bench_${costs.length}`), 'state', true);
      await prepareMysqlState(home);
      await home.query(numberedRows(home.table, rows, published === 'none' ? 0 : rows - ROUNDS * CLAIM_SUBFOLDERS));
      costs.push({ rows, target, published, ...(await measure(home, target)) });
      await home.dispose();
    }
  }
  return costs;
}

async function measure(
  home: Parameters<typeof openMysqlState>[0],
  target: ClaimCost['target'],
): Promise<{ claimMs: number; confirmMs: number }> {
  const store = await openMysqlState(home);
  const claims: number[] = [];
  const confirmations: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const beforeMs = performance.now();
    const leases = await store.claimSubfolders({
      owner: 'bench:1:0',
      leaseMs: 600_000,
      limit: CLAIM_SUBFOLDERS,
      target,
    });
    claims.push(performance.now() - beforeMs);
    if (leases.length < CLAIM_SUBFOLDERS) throw new Error(`only ${leases.length} rows were left in round ${round}`);
    for (const lease of leases) {
      const startMs = performance.now();
      await (target === 'objects'
        ? store.confirmPublished(lease, { objects: 1, bytes: 1 })
        : store.confirmWorkPublished(lease, target));
      confirmations.push(performance.now() - startMs);
    }
  }
  await store.close();
  return { claimMs: median(claims), confirmMs: median(confirmations) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

if (import.meta.main) {
  const server = await startMariadb();
  const costs = await measureClaims(server);
  console.table(
    costs.map((cost) => {
      const small =
        costs.find(
          (other) => other.rows === SIZES[0] && other.target === cost.target && other.published === cost.published,
        ) ?? cost;
      return {
        rows: cost.rows,
        target: cost.target,
        published: cost.published,
        [`ms per claim of ${CLAIM_SUBFOLDERS}`]: cost.claimMs.toFixed(2),
        'ms per confirmation': cost.confirmMs.toFixed(2),
        [`claim, ratio to ${SIZES[0]} rows`]: (cost.claimMs / small.claimMs).toFixed(2),
      };
    }),
  );
  await server.close();
}
