import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { Environment } from './environment.ts';

interface DestinationSettings {
  readonly gcsBucket: string;
  /** Left out by commands that list nothing large. */
  readonly listStreams?: number | undefined;
}

export function openDestination(settings: DestinationSettings, environment: Environment): ObjectDestination {
  return createGcsObjectDestination({
    bucket: settings.gcsBucket,
    emulatorHost: environment.storageEmulatorHost,
    listStreams: settings.listStreams,
  });
}

/** Where temporary parts go: `destination` itself, unless the settings name another bucket. */
export function openParts(
  settings: { readonly partsBucket: string | undefined },
  destination: ObjectDestination,
  environment: Environment,
): ObjectDestination {
  return settings.partsBucket === undefined
    ? destination
    : openDestination({ gcsBucket: settings.partsBucket }, environment);
}

/** Looks whether both buckets are there, which may be one. @throws as {@link checkDestination} */
export async function checkBuckets(
  destination: ObjectDestination,
  parts: ObjectDestination,
  signal: AbortSignal,
): Promise<void> {
  await destination.checkBucket(signal);
  if (parts !== destination) await parts.checkBucket(signal);
}

/** @throws ConfigurationError `CONFIG_BUCKET_MISSING`; DestinationError where it cannot be reached or may not be used */
export async function checkDestination(
  settings: Pick<DestinationSettings, 'gcsBucket'> & { readonly partsBucket?: string | undefined },
  environment: Environment,
  signal: AbortSignal,
): Promise<void> {
  const destination = openDestination(settings, environment);
  const parts = openParts({ partsBucket: settings.partsBucket }, destination, environment);
  try {
    await checkBuckets(destination, parts, signal);
  } finally {
    await Promise.all([destination.close(), parts.close()]);
  }
}
