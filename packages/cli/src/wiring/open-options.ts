import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { Opening, Services } from './services.ts';

/** What opening state and queue takes beside settings. */
export interface OpenOptions extends Opening {
  readonly services: Services;
  readonly identity: ProcessIdentity;
  /** Leaves no state file behind where there was none, and writes nothing into a state. */
  readonly dryRun: boolean;
}
