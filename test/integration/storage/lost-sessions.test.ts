import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, gcsError, startScriptedServer, type Step } from './scripted-server.ts';

let server: Awaited<ReturnType<typeof startScriptedServer>>;
let destination: ObjectDestination;
beforeAll(async () => {
  server = await startScriptedServer();
  destination = createGcsObjectDestination({ bucket: 'b', emulatorHost: server.url });
});
afterAll(async () => {
  await destination.close();
  await server.close();
});

const ENDINGS: readonly (readonly [what: string, ending: Step, mayFinishAgain: boolean])[] = [
  ['a 404 of GCS', gcsError(404, 'notFound', 'no such session'), false],
  ['a 410', gcsError(410, 'gone', 'the session is over'), false],
  ['a 404 of anybody else, as far as that can be told', answer(404, {}, '<html>not found</html>'), false],
  ['a 503', gcsError(503, 'backendError', 'later'), true],
];

test.each(ENDINGS)('after %s at its end a session is asked again or given up', async (_, ending, mayFinishAgain) => {
  server.script(answer(200, { location: `${server.url}/upload/session` }), ending);
  const upload = await destination.openUpload({
    name: 'own',
    sizeBytes: 1,
    properties: { metadata: {} },
    storageClass: undefined,
    ifGenerationMatch: '0',
    signal: new AbortController().signal,
  });
  await upload.write(Buffer.from('x'));
  await expect(upload.finish(1)).rejects.toMatchObject({ code: 'DESTINATION_UNAVAILABLE' });
  expect(upload.mayFinishAgain).toBe(mayFinishAgain);
  await upload.abort();
});
