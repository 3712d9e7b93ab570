import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { compareSubfolder } from '@object-transfer/worker/sync-check/compare-subfolder';
import type { CheckServers } from './check-servers-process.ts';

/** What the comparison of the folder cost this process. */
export interface CheckCost {
  readonly objects: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly maxRssMib: number;
}

/** As `worker syncCheck` has it by default. */
const STREAMS = 4;

const [, , s3Url = '', gcsUrl = ''] = process.argv;
const servers: CheckServers = { s3Url, gcsUrl };
const connection = createS3Connection({
  bucket: 'source',
  region: 'us-east-1',
  endpointUrl: servers.s3Url,
  credentials: 'anonymous',
});
const destination = createGcsObjectDestination({
  bucket: 'destination',
  emulatorHost: servers.gcsUrl,
  listStreams: STREAMS,
});
const before = process.cpuUsage();
const startedAt = performance.now();
const figures = await compareSubfolder(
  {
    mapping: { s3RootPrefix: '', gcsRootPrefix: '' },
    lister: createS3ObjectLister(connection, { streams: STREAMS }),
    destination,
    filter: createObjectFilter({ storageClasses: [], include: [], exclude: [] }, ''),
    namePolicy: 'fail',
  },
  'folder/',
  (difference) => {
    throw new Error(`both sides are equal, but for ${difference.kind}`);
  },
  new AbortController().signal,
);
const wallMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(before);
process.send?.({
  objects: figures.s3ObjectCount,
  wallMs,
  cpuMs: (user + system) / 1000,
  maxRssMib: process.resourceUsage().maxRSS / 1024,
} satisfies CheckCost);
await Promise.all([destination.close(), connection.close()]);
process.disconnect?.();
