import { StateError } from './errors.ts';

/** @param op what was not done, because the lease of the subfolder had run out or gone to somebody else */
export function leaseLost(op: string, dirKey: string): StateError {
  return new StateError('STATE_LEASE_LOST', `the lease of ${JSON.stringify(dirKey)} was lost`, { op, source: dirKey });
}
