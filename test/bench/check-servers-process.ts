import { startGcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';

/** Both sides of one folder with so many equal objects, in a process of their own: {@link CheckServers} tells where. */
export interface CheckServers {
  readonly s3Url: string;
  readonly gcsUrl: string;
}

const [, , objectsText = ''] = process.argv;
const objects = Number(objectsText);
const s3 = await startS3Server({ buckets: { source: {} } });
const gcs = await startGcsServer({ buckets: ['destination'] });
const source = s3.bucket('source');
for (let index = 0; index < objects; index++) {
  const key = `folder/${String(index).padStart(9, '0')}`;
  source.put(key, 'content');
  gcs.objects.put('destination', key, 'content');
}
process.send?.({ s3Url: s3.url, gcsUrl: gcs.url } satisfies CheckServers);
process.on('disconnect', () => process.exit());
