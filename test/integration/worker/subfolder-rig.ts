import { pino } from 'pino';
import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { subfolderStatus, type Subfolder, type SubfolderStatus } from '@object-transfer/core/domain/subfolder';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { repairSubfolder, type RepairContext } from '@object-transfer/worker/rsync/repair-subfolder';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import type { WorkResult } from '@object-transfer/worker/subfolders/work-on-subfolder';
import { checkSubfolder, type CheckContext } from '@object-transfer/worker/sync-check/check-subfolder';
import type { CompareContext } from '@object-transfer/worker/sync-check/compare-subfolder';
import { DifferenceRecorder } from '@object-transfer/worker/sync-check/difference-recorder';
import { Clouds, DESTINATION_BUCKET, never } from '../../fixtures/clouds.ts';
import { LEASE_MS, openTestState, type TestState } from './embedded-state.ts';

export const S3_ROOT = 'live/';
export const GCS_ROOT = 'mirror/';
const OWNER = 'test:1:00000000';
const MAPPING = { s3RootPrefix: S3_ROOT, gcsRootPrefix: GCS_ROOT };

type PutOptions = Parameters<Clouds['put']>[2];

/** Two buckets and a state, with what compares and repairs subfolders of `live/` at `mirror/`. */
export class SubfolderRig {
  readonly clouds: Clouds;
  state: TestState;
  /** Of repairs, unless they bring their own. */
  readonly counters = new SubfolderCounters();

  private constructor(clouds: Clouds, state: TestState) {
    this.clouds = clouds;
    this.state = state;
  }

  static async start(): Promise<SubfolderRig> {
    return new SubfolderRig(await Clouds.start(), await openTestState());
  }

  async close(): Promise<void> {
    await this.state.close();
    await this.clouds.close();
  }

  /** The same buckets, and nothing known of them. */
  async freshState(): Promise<void> {
    await this.state.close();
    this.state = await openTestState();
  }

  comparison(overrides: Partial<CompareContext> = {}): CompareContext {
    return {
      mapping: MAPPING,
      lister: this.clouds.lister,
      destination: this.clouds.transferContext().destination,
      filter: createObjectFilter({ storageClasses: [], include: [], exclude: [] }, S3_ROOT),
      namePolicy: 'fail',
      ...overrides,
    };
  }

  checking(overrides: Partial<CheckContext> = {}): CheckContext {
    return {
      ...this.comparison(),
      stateStore: this.state.stateStore,
      owner: OWNER,
      leaseMs: LEASE_MS,
      ...overrides,
    };
  }

  repairing(overrides: Partial<RepairContext> = {}): RepairContext {
    return {
      stateStore: this.state.stateStore,
      owner: OWNER,
      leaseMs: LEASE_MS,
      comparison: this.comparison(),
      transfer: this.clouds.transferContext({ mapping: MAPPING }),
      logger: pino({ level: 'silent' }),
      deleteExtra: false,
      maxRsyncAttempts: 3,
      onOutcome: (outcome) => this.counters.add(outcome),
      onDeleted: (objects) => {
        this.counters.objectsDeleted += objects;
      },
      ...overrides,
    };
  }

  /** As the worker mode `syncCheck`. */
  check(dirKey: string, overrides: Partial<CheckContext> = {}, ...rest: SignalAndRule): Promise<WorkResult> {
    const context = this.checking(overrides);
    const recorder = new DifferenceRecorder(context.stateStore, context.mapping, dirKey);
    const [signal = never, storesFailure] = rest;
    return checkSubfolder(context, dirKey, recorder, signal, storesFailure);
  }

  /** As the worker mode `rsync`. */
  repair(dirKey: string, overrides: Partial<RepairContext> = {}, ...rest: SignalAndRule): Promise<WorkResult> {
    const [signal = never, storesFailure] = rest;
    return repairSubfolder(this.repairing(overrides), dirKey, signal, storesFailure);
  }

  /** Puts an object below the root of the source, under a name relative to it. */
  put(name: string, body: string, options?: PutOptions): void {
    this.clouds.put(S3_ROOT + name, body, options);
  }

  /** Puts an object into the source and transfers it. */
  async arrive(name: string, body: string, options?: PutOptions): Promise<void> {
    const expected = this.clouds.put(S3_ROOT + name, body, options);
    const context = this.clouds.transferContext({ mapping: MAPPING });
    const outcome = await transferObject(context, { key: expected.key, expected }, new Map(), never);
    if (outcome.status !== 'transferred') throw new Error(`${name} is ${outcome.status}`);
  }

  /** Writes to the destination, past everybody. */
  write(name: string, body: Buffer | string, resource?: Record<string, unknown>): void {
    this.clouds.gcs.objects.put(DESTINATION_BUCKET, GCS_ROOT + name, body, resource);
  }

  remove(name: string): void {
    this.clouds.gcs.objects.remove(DESTINATION_BUCKET, GCS_ROOT + name);
  }

  /** What the destination has below its root, in the order of the names. */
  names(): readonly string[] {
    return this.clouds.gcs.objects.names(DESTINATION_BUCKET).map((name) => name.slice(GCS_ROOT.length));
  }

  /** The content by the name below the root. */
  async arrived(): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {};
    for (const name of this.names()) {
      found[name] = (await this.clouds.arrived(GCS_ROOT + name))?.bytes.toString() ?? '';
    }
    return found;
  }

  async row(dirKey: string): Promise<Subfolder> {
    const row = await this.state.stateStore.getSubfolder(dirKey);
    if (row === undefined) throw new Error(`no row ${dirKey}`);
    return row;
  }

  async status(dirKey: string): Promise<SubfolderStatus> {
    return subfolderStatus(await this.row(dirKey));
  }

  /** `CODE key`, the key relative to the root of the source. */
  async openErrors(dirKey: string): Promise<readonly string[]> {
    const errors = await this.state.stateStore.listOpenObjectErrors({ dirKey, limit: 10_000 });
    return errors.map(({ code, key }) => `${code} ${key.slice(S3_ROOT.length)}`);
  }

  /** How often GCS was asked to delete. */
  get deletions(): number {
    return this.clouds.gcs.stats.operations.get('objects.delete') ?? 0;
  }

  /** How often S3 and GCS were asked for a page of a listing. */
  get listRequests(): number {
    const { gcs, s3 } = this.clouds;
    return (gcs.stats.operations.get('objects.list') ?? 0) + s3.stats.operations.ListObjectsV2;
  }
}

type SignalAndRule = [signal?: AbortSignal, storesFailure?: (error: Error) => boolean];
