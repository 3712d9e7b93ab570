import { describe, expect, it } from 'vitest';
import { soakBriefly, SOAK_TIMEOUT_MS } from './short-soak.ts';

describe('a fleet whose connections, answers, processes, clocks, database, queue and buckets are broken', () => {
  it(
    'loses nothing, leaves nothing and lists what can never arrive, by a fixed seed',
    async () => expect(await soakBriefly(1)).toEqual([]),
    SOAK_TIMEOUT_MS,
  );
});
