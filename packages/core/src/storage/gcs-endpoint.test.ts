import { expect, test } from 'vitest';
import { resolveGcsEndpoint } from './gcs-endpoint.ts';

test.each([
  [undefined, 'https://storage.googleapis.com', '', false],
  ['', 'https://storage.googleapis.com', '', false],
  ['localhost:4443', 'http://localhost:4443', '', true],
  ['http://127.0.0.1:4443/', 'http://127.0.0.1:4443', '', true],
  ['https://gcs.example/emulated', 'https://gcs.example', '/emulated', true],
  ['http://127.0.0.1:4443/storage/v1/', 'http://127.0.0.1:4443', '', true],
])('STORAGE_EMULATOR_HOST %j', (emulatorHost, origin, basePath, isEmulator) => {
  expect(resolveGcsEndpoint(emulatorHost)).toEqual({ origin, basePath, isEmulator });
});
