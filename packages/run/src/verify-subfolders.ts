import { describeError } from '@object-transfer/core/domain/classify-error';
import { subfolderPrefix } from '@object-transfer/core/domain/key-mapping';
import { encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import type { SourceObject } from '@object-transfer/core/domain/source-object';
import type { MessagePublisher } from '@object-transfer/core/ports/message-queue';
import type { ObjectErrorRecord } from '@object-transfer/core/ports/state-store';
import { checkSubfolder, type CheckContext } from '@object-transfer/worker/sync-check/check-subfolder';
import type { Difference } from '@object-transfer/worker/sync-check/compare-subfolder';
import type { ReportedFailure } from './migration-report.ts';

/**
 * Compares every subfolder with the destination. An object that is missing or different and was not tried to its end
 * in this run is published once more; the others are recorded as open errors, where they are not already, with what the
 * comparison says.
 */
export interface VerifyContext extends CheckContext {
  readonly publisher: MessagePublisher;
  readonly objectTopic: string;
  /** Objects per message. */
  readonly objectsPerMessage: number;
  /** Errors last seen before belong to an earlier run: those objects are tried again. */
  readonly runStartedAt: Date;
  /** False in the last round: nothing is published any more. */
  readonly republish: boolean;
  readonly onChecked: (row: Subfolder) => void;
}

export interface VerifyResult {
  readonly republished: number;
  /** Subfolders that could not be compared. */
  readonly failures: readonly ReportedFailure[];
}

/** Subfolders compared at a time: two listings each. */
const PARALLEL_CHECKS = 4;
const ROWS_PER_PAGE = 500;

/** @throws what the state store or the queue threw, or the reason of `signal` */
export async function verifySubfolders(context: VerifyContext, signal: AbortSignal): Promise<VerifyResult> {
  const rows = eachSubfolder(context);
  const failures: ReportedFailure[] = [];
  let republished = 0;
  const checkRows = async () => {
    // One generator feeds all: it hands each row to whoever asks next.
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) {
      signal.throwIfAborted();
      const { dirKey } = next.value;
      const result = await verifySubfolder(context, dirKey, signal);
      republished += result.republished;
      if (result.failure !== undefined) failures.push(result.failure);
      const row = await context.stateStore.getSubfolder(dirKey);
      if (row !== undefined) context.onChecked(row);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_CHECKS }, checkRows));
  return { republished, failures };
}

async function* eachSubfolder(context: VerifyContext): AsyncGenerator<Subfolder, void, undefined> {
  let after: string | undefined;
  for (;;) {
    const rows = await context.stateStore.listSubfolders(after, ROWS_PER_PAGE);
    if (rows.length === 0) return;
    yield* rows;
    after = rows.at(-1)?.dirKey;
  }
}

async function verifySubfolder(
  context: VerifyContext,
  dirKey: string,
  signal: AbortSignal,
): Promise<{ readonly republished: number; readonly failure: ReportedFailure | undefined }> {
  const differences = new DifferenceHandler(context, dirKey);
  await differences.loadOpenErrors();
  const result = await checkSubfolder(context, dirKey, (difference) => differences.handle(difference), signal);
  signal.throwIfAborted();
  const key = subfolderPrefix(context.mapping, dirKey);
  switch (result.status) {
    case 'checked':
      await differences.finish();
      return { republished: differences.republished, failure: undefined };
    case 'busy':
      return {
        republished: 0,
        failure: { key, code: 'STATE_LEASE_LOST', message: 'another process is checking or repairing this subfolder' },
      };
    case 'failed':
      return { republished: 0, failure: { key, ...describeError(result.error) } };
  }
}

/** Decides about the differences of one subfolder, a message's worth at a time. */
class DifferenceHandler {
  republished = 0;
  readonly #context: VerifyContext;
  readonly #dirKey: string;
  /** Open errors of this subfolder; those that are still left at the end have no difference behind them any more. */
  readonly #openErrors = new Map<string, { readonly lastSeen: Date }>();
  #toPublish: SourceObject[] = [];
  #toRecord: ObjectErrorRecord[] = [];

  constructor(context: VerifyContext, dirKey: string) {
    this.#context = context;
    this.#dirKey = dirKey;
  }

  async loadOpenErrors(): Promise<void> {
    const limit = Number.MAX_SAFE_INTEGER;
    for (const error of await this.#context.stateStore.listOpenObjectErrors({ dirKey: this.#dirKey, limit })) {
      this.#openErrors.set(error.key, error);
    }
  }

  async handle(difference: Difference): Promise<void> {
    if (difference.kind === 'extra') return;
    const { source } = difference;
    const open = this.#openErrors.get(source.key);
    this.#openErrors.delete(source.key);
    const triedToItsEnd = open !== undefined && open.lastSeen >= this.#context.runStartedAt;
    if (triedToItsEnd) return;
    if (this.#context.republish) {
      this.#toPublish.push(source);
      if (this.#toPublish.length >= this.#context.objectsPerMessage) await this.#publish();
    } else {
      this.#toRecord.push(errorOf(this.#dirKey, difference));
      if (this.#toRecord.length >= this.#context.objectsPerMessage) await this.#record();
    }
  }

  async finish(): Promise<void> {
    await this.#publish();
    await this.#record();
    if (this.#openErrors.size === 0) return;
    await this.#context.stateStore.resolveObjectErrors(this.#dirKey, [...this.#openErrors.keys()]);
  }

  async #publish(): Promise<void> {
    if (this.#toPublish.length === 0) return;
    const data = encodeObjectMessage(this.#dirKey, this.#toPublish);
    await this.#context.publisher.publish(this.#context.objectTopic, [{ data }]);
    this.republished += this.#toPublish.length;
    this.#toPublish = [];
  }

  async #record(): Promise<void> {
    if (this.#toRecord.length === 0) return;
    await this.#context.stateStore.recordObjectErrors(this.#toRecord);
    this.#toRecord = [];
  }
}

function errorOf(dirKey: string, difference: Exclude<Difference, { kind: 'extra' }>): ObjectErrorRecord {
  const { key } = difference.source;
  const about = { dirKey, key, attempts: 0 };
  switch (difference.kind) {
    case 'missing':
      return { ...about, code: 'TRANSFER_MISSING', message: 'it is not at the destination' };
    case 'different':
      return { ...about, code: 'TRANSFER_MISMATCH', message: 'the destination has something else under its name' };
    case 'unproven':
      return {
        ...about,
        code: 'TRANSFER_MISMATCH',
        message: 'the destination has an object of its size, but neither an MD5 nor a source ETag proves it equal',
      };
  }
}
