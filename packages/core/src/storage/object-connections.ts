import type { Pool } from 'undici';
import { createHttpPool, DEFAULT_HTTP_POOL_SETTINGS, type HttpPoolSettings } from './http-pool.ts';
import { WirePool } from './wire/wire-pool.ts';

/** The connections to one origin: undici's, and those for large bodies. */
export interface ObjectConnections {
  readonly pool: Pool;
  readonly wire: WirePool;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

/** @param origin scheme, host and port; no path */
export function openConnections(
  origin: string,
  settings: HttpPoolSettings = DEFAULT_HTTP_POOL_SETTINGS,
): ObjectConnections {
  const pool = createHttpPool(origin, settings);
  const wire = new WirePool(origin, settings);
  return {
    pool,
    wire,
    close: async () => {
      wire.close();
      await pool.destroy();
    },
  };
}
