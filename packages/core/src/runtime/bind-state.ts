import { ConfigurationError } from '../domain/errors.ts';
import type { StateStore } from '../ports/state-store.ts';

/** What a state is about: its rows mean nothing for other buckets or folders. */
export interface StateSubject {
  /** `s3://bucket/prefix/`; `undefined` for modules that do not know it. */
  readonly source?: string | undefined;
  /** `gs://bucket/prefix/`; `undefined` for modules that do not know it. */
  readonly destination?: string | undefined;
}

/** The subject that settings name, as far as they do: a prefix without its bucket says nothing. */
export function stateSubject(settings: {
  readonly s3Bucket?: string | undefined;
  readonly s3RootPrefix?: string | undefined;
  readonly gcsBucket?: string | undefined;
  readonly gcsRootPrefix?: string | undefined;
}): StateSubject {
  const { s3Bucket, s3RootPrefix = '', gcsBucket, gcsRootPrefix = '' } = settings;
  return {
    source: s3Bucket === undefined ? undefined : `s3://${s3Bucket}/${s3RootPrefix}`,
    destination: gcsBucket === undefined ? undefined : `gs://${gcsBucket}/${gcsRootPrefix}`,
  };
}

/**
 * Ties a state to its source and destination, the first time, and holds it to them from then on; each of them by itself,
 * when somebody comes who knows it.
 * @param name of the state, for the message: its file
 * @throws ConfigurationError `CONFIG_STATE_INCOMPATIBLE` where the state is about something else, with what undoes a tie that
 *   was a mistake
 */
export async function bindState(
  store: Pick<StateStore, 'settleControl'>,
  subject: StateSubject,
  name: string,
): Promise<void> {
  for (const [control, value] of Object.entries(subject)) {
    if (value === undefined) continue;
    const held = await store.settleControl(control, value);
    if (held === value) continue;
    throw new ConfigurationError(
      'CONFIG_STATE_INCOMPATIBLE',
      `the state ${JSON.stringify(name)} belongs to the ${control} ${held}, not to ${value}: use another state for it, or, where that ${control} was given by mistake and nothing has been transferred, delete the row named ${control} from the table that ends in _controls`,
      { op: 'bindState', source: name },
    );
  }
}
