import { splitUrl } from './http-pool.ts';

export interface GcsEndpoint {
  readonly origin: string;
  /** What precedes `/storage/v1` and `/upload/storage/v1`. */
  readonly basePath: string;
  /** An emulator gets no token. */
  readonly isEmulator: boolean;
}

/**
 * @param emulatorHost `STORAGE_EMULATOR_HOST`: a URL, or a host and port that speak plain HTTP
 * @throws ConfigurationError `CONFIG_INVALID`
 */
export function resolveGcsEndpoint(emulatorHost: string | undefined): GcsEndpoint {
  if (emulatorHost === undefined || emulatorHost === '') {
    return { origin: 'https://storage.googleapis.com', basePath: '', isEmulator: false };
  }
  const url = emulatorHost.includes('://') ? emulatorHost : `http://${emulatorHost}`;
  const { origin, path } = splitUrl(url, 'STORAGE_EMULATOR_HOST');
  // Some set the variable with the path that the official client would add.
  return { origin, basePath: path.replace(/\/+$/, '').replace(/\/storage\/v1$/, ''), isEmulator: true };
}
