import type { Kysely } from 'kysely';
import type { FleetReading, FleetRequest } from '../ports/state-store.ts';
import type { StateTables } from './state-tables.ts';

/** Two statements, each off an index: every worker asks again and again. */
export async function readFleet(
  db: Kysely<StateTables>,
  { modes, staleAfterMs, controls }: FleetRequest,
  now: number,
): Promise<FleetReading> {
  const { liveWorkers } = await db
    .selectFrom('workers')
    .select(({ fn }) => fn.countAll<number | string>().as('liveWorkers'))
    .where('mode', 'in', modes)
    .where('heartbeatAt', '>', now - staleAfterMs)
    // Later ones are of a clock that was set back since, and mostly of the dead.
    .where('heartbeatAt', '<', now + staleAfterMs)
    .where('endedAt', 'is', null)
    .executeTakeFirstOrThrow();
  const rows = await db.selectFrom('controls').select(['name', 'value']).where('name', 'in', controls).execute();
  return {
    at: new Date(now),
    liveWorkers: Number(liveWorkers),
    controls: new Map(rows.map(({ name, value }) => [name, value])),
  };
}
