import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import { figuresMatch } from '@object-transfer/core/domain/subfolder';
import { TransferCounters } from '../cdn-transfer/transfer-counters.ts';

/** What one process that compares or repairs subfolders has done so far; what it transferred, too. */
export class SubfolderCounters extends TransferCounters {
  subfoldersDone = 0;
  /** Of the done: equal. */
  subfoldersEqual = 0;
  /** They could not be compared, or repaired. */
  subfoldersFailed = 0;
  /** Redelivered, as somebody else was at work on them. */
  subfoldersBusy = 0;
  /** Done since the message was published, by whoever else had it. */
  subfoldersSkipped = 0;
  objectsMissing = 0;
  objectsDifferent = 0;
  objectsUnproven = 0;
  objectsExtra = 0;
  objectsDeleted = 0;

  addFigures(figures: CheckFigures): void {
    this.subfoldersDone++;
    if (figuresMatch(figures)) this.subfoldersEqual++;
    this.objectsMissing += figures.missingCount;
    this.objectsDifferent += figures.mismatchedCount;
    this.objectsUnproven += figures.unprovenCount;
    this.objectsExtra += figures.extraCount;
  }
}
