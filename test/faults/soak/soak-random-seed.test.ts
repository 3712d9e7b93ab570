import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { soakBriefly, SOAK_TIMEOUT_MS } from './short-soak.ts';

describe('a fleet whose connections, answers, processes, clocks, database, queue and buckets are broken', () => {
  it(
    'loses nothing, leaves nothing and lists what can never arrive, by another seed each time, which is printed',
    async () => expect(await soakBriefly(randomInt(1, 2 ** 31))).toEqual([]),
    SOAK_TIMEOUT_MS,
  );
});
