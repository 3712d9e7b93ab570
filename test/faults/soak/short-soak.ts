import { MIN_OBJECTS, runSoak } from './run-soak.ts';

const FAULTS = 90;
const ALWAYS_INJECTED = ['status', 'refuse', 'resetInBody', 'truncate'];
/** A soak waits for events all the way; this only ends one that hangs on a machine that is busy with other things. */
export const SOAK_TIMEOUT_MS = 600_000;

/**
 * A soak of about a minute.
 * @returns what its audit found, and whether it has broken too little to prove anything, a line each
 */
export async function soakBriefly(seed: number): Promise<readonly string[]> {
  console.log(`a short soak: npm run soak -- --objects ${MIN_OBJECTS} --faults ${FAULTS} --seed ${seed}`);
  const log = (line: string): void => console.log(`seed ${seed}: ${line}`);
  const { findings, faults, injected } = await runSoak({ objects: MIN_OBJECTS, faults: FAULTS, seed, log });
  console.log(JSON.stringify(injected));
  const found = [...findings];
  if (faults < FAULTS) found.push(`${faults} faults are too few`);
  for (const kind of ALWAYS_INJECTED) if (injected[kind] === undefined) found.push(`no ${kind} was injected`);
  if (!Object.keys(injected).some((kind) => /SIG|suspended|clock|database|Pub/.test(kind)))
    found.push('nothing happened to a process, a clock, the database or the queue');
  return found;
}
