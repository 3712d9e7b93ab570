import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { startGcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { describe } from 'vitest';
import { objectDestinationSuite } from './object-destination-suite.ts';

const BUCKET = 'destination-bucket';

/** As if each call of a rewrite that moves bytes came 30,000 bytes far. */
const REWRITE_CALL_BYTES = 30_000;

describe.each([
  { defaultStorageClass: 'STANDARD', listStreams: 1 },
  { defaultStorageClass: 'NEARLINE', listStreams: 6 },
])(
  'GCS, a bucket of class $defaultStorageClass, listed by $listStreams streams',
  ({ defaultStorageClass, listStreams }) => {
    objectDestinationSuite(async () => {
      const server = await startGcsServer({
        buckets: [BUCKET],
        defaultStorageClass,
        maxBytesRewrittenPerCall: REWRITE_CALL_BYTES,
      });
      const destination = createGcsObjectDestination({ bucket: BUCKET, emulatorHost: server.url, listStreams });
      const missing = createGcsObjectDestination({
        bucket: 'no-such-bucket',
        emulatorHost: server.url,
        listStreams,
      });
      return {
        destination,
        missing,
        defaultStorageClass,
        async keptObject(name) {
          const object = await server.objects.object(BUCKET, name);
          if (object === undefined) return undefined;
          const { contentType, cacheControl, contentDisposition, contentLanguage } = object.resource;
          const { contentEncoding, storageClass, metadata } = object.resource;
          return {
            bytes: object.bytes,
            contentType,
            cacheControl,
            contentDisposition,
            contentLanguage,
            contentEncoding,
            storageClass,
            metadata,
          };
        },
        async close() {
          await destination.close();
          await missing.close();
          await server.close();
        },
      };
    });
  },
);
