import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';

/** What a listing of one folder cost this process. */
export interface ListingCost {
  readonly keys: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly maxRssMib: number;
}

/** Arguments: `s3` or `gcs`, the service's URL, and how many streams (default 1). */
const [, , service = '', url = '', streamsText = '1'] = process.argv;
const request = { prefix: 'folder/', signal: new AbortController().signal };
const connection = createS3Connection({
  bucket: 'source',
  region: 'us-east-1',
  endpointUrl: url,
  credentials: 'anonymous',
});
const streams = Number(streamsText);
const destination = createGcsObjectDestination({ bucket: 'destination', emulatorHost: url, listStreams: streams });
const pages =
  service === 's3'
    ? createS3ObjectLister(connection, { streams }).listObjects(request)
    : destination.listObjects(request);
const before = process.cpuUsage();
const startedAt = performance.now();
let keys = 0;
for await (const { objects } of pages) keys += objects.length;
const wallMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(before);
process.send?.({
  keys,
  wallMs,
  cpuMs: (user + system) / 1000,
  maxRssMib: process.resourceUsage().maxRSS / 1024,
} satisfies ListingCost);
await Promise.all([destination.close(), connection.close()]);
process.disconnect?.();
