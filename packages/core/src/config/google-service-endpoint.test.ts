import { describe, expect, it } from 'vitest';
import { resolveGoogleEndpoint } from './google-service-endpoint.ts';

const VARIABLE = 'DATASTORE_EMULATOR_HOST';

describe('resolveGoogleEndpoint', () => {
  it.each([undefined, ''])('is the service itself without an emulator', (host) => {
    const endpoint = resolveGoogleEndpoint('datastore.googleapis.com', { variable: VARIABLE, host });
    expect(endpoint).toEqual({ host: 'datastore.googleapis.com', clientOptions: {} });
  });

  it.each([
    ['localhost:8081', 'localhost', 8081],
    ['http://127.0.0.1:8081/', '127.0.0.1', 8081],
    ['datastore-emulator:80', 'datastore-emulator', 80],
    ['[::1]:8081', '[::1]', 8081],
  ])('reads %s', (host, servicePath, port) => {
    const endpoint = resolveGoogleEndpoint('datastore.googleapis.com', { variable: VARIABLE, host });
    expect(endpoint).toMatchObject({ host: `${servicePath}:${port}`, clientOptions: { servicePath, port } });
  });

  it.each(['localhost', '::1:8081', 'localhost:', 'a b:1', 'localhost:8081/path'])('refuses %j', (host) => {
    expect(() => resolveGoogleEndpoint('datastore.googleapis.com', { variable: VARIABLE, host })).toThrow(
      `DATASTORE_EMULATOR_HOST must be host:port, and is "${host}"`,
    );
  });
});
