import type { TransferOutcome } from './transfer-context.ts';

/** What one process has done so far. */
export class TransferCounters {
  messages = 0;
  poisonMessages = 0;
  objectsTransferred = 0;
  objectsSkipped = 0;
  objectsFailed = 0;
  /** Of the transferred: S3 had another version than the listing. */
  objectsChanged = 0;
  /** Of the transferred: read from S3 itself, at the full egress price. */
  objectsReadDirectly = 0;
  bytesTransferred = 0;
  missingMetadata = 0;

  add(outcome: TransferOutcome): void {
    switch (outcome.status) {
      case 'transferred':
        this.objectsTransferred++;
        this.bytesTransferred += outcome.bytes;
        this.missingMetadata += outcome.missingMetadataCount;
        if (outcome.changed) this.objectsChanged++;
        if (outcome.route === 's3') this.objectsReadDirectly++;
        break;
      case 'skipped':
        this.objectsSkipped++;
        break;
      case 'failed':
        this.objectsFailed++;
        break;
    }
  }

  /** A copy of the figures, for heartbeats and reports. */
  toRecord(): Record<string, number> {
    return Object.fromEntries(Object.entries(this) as [string, number][]);
  }
}
