import { auditObjects, type Discrepancy } from '../audit-objects.ts';
import { decodeObjectMessage, decodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import { MAX_RSS_BYTES, maxFds, maxSockets } from '../limits-bounds.ts';
import type { ProcessPeaks } from '../limits-process-watch.ts';
import { readMonitored, type Stall } from '../limits-monitor.ts';
import { DESTINATION_BUCKET, MAX_CONCURRENCY, type SoakCloud } from './soak-cloud.ts';
import type { SoakFleet } from './soak-fleet.ts';
import type { Circumstances } from './soak-process.ts';
import { FLOWS } from './soak-queues.ts';
import { UNMOVABLE } from './soak-source.ts';

const START_UP_MS = 2000;
/** A process notices some milliseconds after it woke up that it was suspended. */
const WAKING_MS = 1000;

/** What the source had in the beginning. */
export interface SoakObjects {
  readonly keys: ReadonlySet<string>;
  /** Codes of the failures that must be there, by key. */
  readonly unmovable: ReadonlyMap<string, string>;
}

interface OpenError {
  readonly key: string;
  readonly code: string;
}

/**
 * After the transfer, before anything is compared: what has not arrived must be among the open errors, or its message was lost;
 * what is there must be what the source has.
 * @returns what is wrong, a line each
 */
export async function auditTransfer(cloud: SoakCloud): Promise<readonly string[]> {
  const failed = new Set((await openErrors(cloud)).filter(({ code }) => code !== 'UNEXPECTED').map(({ key }) => key));
  const found = await auditObjects(objectsOf(cloud));
  return found
    .filter(({ kind, name }) => kind !== 'leftover' && !(kind === 'missing' && failed.has(name)))
    .map((each) => `after the transfer: ${describe(each)}`);
}

/**
 * When everything has been broken, before it is compared and repaired in peace: what bears the ETag of the source's version has its
 * bytes, or no comparison would ever tell. And nothing was deleted that the source has.
 */
export async function auditBroken(cloud: SoakCloud): Promise<readonly string[]> {
  const found = await auditObjects(objectsOf(cloud));
  return [
    ...found
      .filter(({ kind, name }) => kind === 'bytes' && keepsEtagOf(cloud, name))
      .map((each) => `with the ETag of the source: ${describe(each)}`),
    ...cloud.deletes.wrong.map((name) => `deleted, although the source has it: ${JSON.stringify(name)}`),
  ];
}

function keepsEtagOf({ source, gcs }: SoakCloud, name: string): boolean {
  const object = source.content.stat(name);
  const kept = gcs.objects.resource(DESTINATION_BUCKET, name)?.metadata?.['x-goog-source-etag'];
  return object !== undefined && !(object instanceof Promise) && kept === object.etag;
}

/**
 * In the end: both buckets, every row, every open error, every queue, every message about a failure, what processes used and how they
 * ended.
 * @returns what is wrong, a line each; empty where nothing is
 */
export async function auditAll(cloud: SoakCloud, fleet: SoakFleet, objects: SoakObjects): Promise<readonly string[]> {
  return [
    ...(await auditObjects(objectsOf(cloud))).map(describe),
    ...(await auditRows(cloud)),
    ...auditErrors(await openErrors(cloud), objects.unmovable),
    ...(await auditFailures(cloud, objects)),
    // The sleeper's round of comparisons was broken off; that all of them came to their end was waited for before.
    ...FLOWS.filter((flow) => flow !== 'checks' && cloud.queues.waiting(flow) > 0).map(
      (flow) => `queue: ${cloud.queues.waiting(flow)} ${flow} are left`,
    ),
    ...auditQueue(cloud),
    ...cloud.deletes.wrong.map((name) => `deleted, although the source has it: ${JSON.stringify(name)}`),
    ...fleet.stages.peaks.entries().flatMap(([name, peaks]) => auditLimits(name, peaks)),
    ...fleet.stages.findings,
    ...(await auditProcesses(cloud, fleet.stages.circumstances)),
  ];
}

function objectsOf({ source, gcs }: SoakCloud) {
  return { source, gcs, destination: DESTINATION_BUCKET, nameOf: nameIfMovable };
}

function nameIfMovable(key: string): string | undefined {
  return key.startsWith(UNMOVABLE) ? undefined : key;
}

function describe({ kind, name, detail }: Discrepancy): string {
  return `${kind}: ${JSON.stringify(name)}: ${detail}`;
}

function auditQueue({ pubsub }: SoakCloud): readonly string[] {
  const { deadLettered } = pubsub.stats();
  return deadLettered === 0 ? [] : [`queue: ${deadLettered} messages were set aside by Pub/Sub`];
}

async function auditRows({ home }: SoakCloud): Promise<readonly string[]> {
  const wrong = await home.query(
    `SELECT * FROM ${home.table} WHERE NOT (
       cdn_transfer_published AND NOT initial_transfer AND NOT sync_check_in_progress AND NOT rsync_in_progress
       AND lease_owner IS NULL AND sync_check_error IS NULL AND sync_check_frequency > 0
       AND IF(dir_key = '${UNMOVABLE}', repair_due = 2, repair_due = 0 AND rsync_error IS NULL AND s3_size = gcs_size AND s3_object_count = gcs_object_count
              AND missing_count + mismatched_count + unproven_count + extra_count = 0))`,
  );
  return wrong.map((row) => `row: ${JSON.stringify(row)}`);
}

async function openErrors(cloud: SoakCloud): Promise<readonly OpenError[]> {
  const table = `${cloud.home.table}_object_errors`;
  const rows = await cloud.query(`SELECT object_key, code FROM ${table} WHERE resolved_at IS NULL`);
  return rows.map((row) => ({ key: String(row['object_key']), code: String(row['code']) }));
}

/** Every permanent failure once, and nothing else. */
function auditErrors(open: readonly OpenError[], unmovable: ReadonlyMap<string, string>): readonly string[] {
  const counts = new Map<string, number>();
  for (const { key } of open) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [
    ...open
      .filter(({ key, code }) => unmovable.get(key) !== code)
      .map(({ key, code }) => `error: ${JSON.stringify(key)} has ${code}, and not ${String(unmovable.get(key))}`),
    ...[...unmovable.keys()]
      .filter((key) => counts.get(key) !== 1)
      .map((key) => `error: ${JSON.stringify(key)} is listed ${counts.get(key) ?? 0} times`),
  ];
}

/** The error topics: every message can be read, is about what there is, and says why; what no worker can ever transfer is told. */
async function auditFailures(cloud: SoakCloud, { keys, unmovable }: SoakObjects): Promise<readonly string[]> {
  const found: string[] = [];
  const told = new Set<string>();
  const dirs = new Set(keys.values().map((key) => key.slice(0, key.indexOf('/') + 1)));
  for (const flow of FLOWS) {
    for (const { data, attributes } of await cloud.queues.takeFailures(flow)) {
      const { code = '', message = '' } = attributes;
      const about = flow === 'objects' ? keysIn(data) : decodeSubfolderMessage(data).dirs;
      const known = flow === 'objects' ? keys : dirs;
      if (about.length === 0 || about.some((name) => !known.has(name)) || code === '' || message === '')
        found.push(`error topic of ${flow}: ${data}, ${JSON.stringify(attributes)}`);
      for (const name of about) told.add(`${name} ${code}`);
    }
  }
  // What is archived is not published in the first place: no worker says so.
  const untold = [...unmovable].filter(([key, code]) => code !== 'SOURCE_ARCHIVED' && !told.has(`${key} ${code}`));
  return [...found, ...untold.map(([key, code]) => `error topic: nothing says ${code} of ${JSON.stringify(key)}`)];
}

function keysIn(data: string): readonly string[] {
  return decodeObjectMessage(data).objects.map(({ key }) => key);
}

function auditLimits(name: string, { fds, sockets, rssBytes }: ProcessPeaks): readonly string[] {
  const bounds: readonly (readonly [string, number, number])[] = [
    ['file descriptors', fds, maxFds(MAX_CONCURRENCY)],
    ['sockets', sockets, maxSockets(MAX_CONCURRENCY)],
    ['bytes of memory', rssBytes, MAX_RSS_BYTES],
  ];
  return bounds
    .filter(([, used, bound]) => used > bound)
    .map(([what, used, bound]) => `limit: ${used} ${what} of ${name}, at most ${bound} are promised`);
}

/** Who was not killed has told how it fared. */
async function auditProcesses(
  { monitorFile }: SoakCloud,
  { killed, left, suspensions }: Circumstances,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { pid, ppid, epochMs, args, end } of await readMonitored(monitorFile)) {
    const who = `${args.join(' ')} (${pid}, started by ${ppid})`;
    if (end === undefined) {
      if (!killed.has(pid) && !left.has(ppid)) found.push(`${who}: ended without a word`);
      continue;
    }
    for (const error of end.uncaught) found.push(`${who}: uncaught: ${error}`);
    for (const warning of end.warnings) found.push(`${who}: warned: ${warning}`);
    // Modules are loaded at one go.
    const stoodStill = ({ atMs, forMs }: Stall): boolean =>
      suspensions.get(pid)?.some(({ fromMs, toMs }) => {
        const beganMs = epochMs + atMs;
        return beganMs <= toMs && beganMs + forMs + WAKING_MS >= fromMs;
      }) === true;
    const stalls = end.stalls.filter((stall) => stall.atMs > START_UP_MS && !stoodStill(stall));
    for (const { atMs, forMs, busyMs } of stalls)
      found.push(`${who}: the event loop stood still for ${forMs} ms, ${busyMs} of them at work, at ${atMs} ms`);
  }
  return found;
}
