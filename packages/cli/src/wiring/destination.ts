import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { Environment } from './environment.ts';

export function openDestination(settings: { readonly gcsBucket: string }, environment: Environment): ObjectDestination {
  return createGcsObjectDestination({ bucket: settings.gcsBucket, emulatorHost: environment.storageEmulatorHost });
}

/** @throws ConfigurationError `CONFIG_BUCKET_MISSING`; DestinationError where it cannot be reached or may not be used */
export async function checkDestination(
  settings: { readonly gcsBucket: string },
  environment: Environment,
  signal: AbortSignal,
): Promise<void> {
  const destination = openDestination(settings, environment);
  try {
    await destination.checkBucket(signal);
  } finally {
    await destination.close();
  }
}
