import { DIFFERENCE_CODES } from '@object-transfer/core/domain/difference-codes';
import type { KeyMappingSettings } from '@object-transfer/core/domain/key-mapping';
import { attributeValue } from '@object-transfer/core/queue/attribute-value';
import type { ObjectErrorRecord, StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import type { DifferenceSink } from './check-subfolder.ts';
import type { Difference } from './compare-subfolder.ts';

/** Errors stored at a time. */
const RECORD_BATCH = 500;

/**
 * Keeps the differences of one subfolder as open errors. Where the comparison was complete, the errors of all other objects
 * of the subfolder are over.
 */
export class DifferenceRecorder implements DifferenceSink {
  readonly #stateStore: Pick<StateStore, 'recordDifferences' | 'resolveUnseenErrors'>;
  readonly #mapping: KeyMappingSettings;
  readonly #dirKey: string;
  #batch: ObjectErrorRecord[] = [];

  constructor(
    stateStore: Pick<StateStore, 'recordDifferences' | 'resolveUnseenErrors'>,
    mapping: KeyMappingSettings,
    dirKey: string,
  ) {
    this.#stateStore = stateStore;
    this.#mapping = mapping;
    this.#dirKey = dirKey;
  }

  async add(difference: Difference, lease: SubfolderLease): Promise<void> {
    this.#batch.push(recordOf(this.#mapping, this.#dirKey, difference));
    if (this.#batch.length >= RECORD_BATCH) await this.#record(lease);
  }

  async complete(beganAt: Date, lease: SubfolderLease): Promise<void> {
    await this.#record(lease);
    await this.#stateStore.resolveUnseenErrors(lease, beganAt);
  }

  async #record(lease: SubfolderLease): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    await this.#stateStore.recordDifferences(lease, batch);
  }
}

/** The error that stands for a difference, under the object's key; what only the destination has gets the key it would have. */
export function recordOf(mapping: KeyMappingSettings, dirKey: string, difference: Difference): ObjectErrorRecord {
  const about = { dirKey, code: DIFFERENCE_CODES[difference.kind], attempts: 0 };
  switch (difference.kind) {
    case 'missing':
      return { ...about, key: difference.source.key, message: 'it is not at the destination' };
    case 'different':
      return { ...about, key: difference.source.key, message: differenceOf(difference) };
    case 'unproven':
      return {
        ...about,
        key: difference.source.key,
        message: 'the destination has an object of its size, but neither an MD5 nor a source ETag proves it equal',
      };
    case 'extra': {
      // No S3 key is longer than the column has room for; what would be one under a longer root is.
      const key = attributeValue(mapping.s3RootPrefix + difference.found.name.slice(mapping.gcsRootPrefix.length));
      return { ...about, key, message: 'only the destination has it' };
    }
  }
}

function differenceOf({ source, found }: Extract<Difference, { kind: 'different' | 'unproven' }>): string {
  return source.sizeBytes === found.sizeBytes
    ? 'the destination has other content of the same size under its name'
    : `the destination has ${found.sizeBytes} bytes under its name, and not ${source.sizeBytes}`;
}
