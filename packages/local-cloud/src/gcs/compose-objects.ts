import { combineCrc32c } from './crc32c-combine.ts';
import { sendObject, type GcsCall } from './gcs-call.ts';
import { conditionNotMet, GcsError, invalid } from './gcs-error.ts';
import { checkObjectName } from './name-rules.ts';
import { checkDigest } from './object-digest.ts';
import { newSettings, readSettings } from './object-settings.ts';
import { checkBeforeWrite, parseInteger, readPreconditions } from './preconditions.ts';
import { readJson } from './request-body.ts';
import type { StoredObject } from './stored-object.ts';

const MAX_SOURCES = 32;

interface SourceObject {
  readonly name?: unknown;
  readonly generation?: unknown;
  readonly objectPreconditions?: { readonly ifGenerationMatch?: unknown };
}

/**
 * Joins up to 32 objects of a bucket into one. The result has a crc32c and no MD5.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/compose
 */
export async function composeObjects(call: GcsCall): Promise<void> {
  const body = (await readJson(call.request)) as { sourceObjects?: unknown; destination?: unknown };
  const bucket = call.store.bucket(call.route.bucket);
  const name = call.route.object;
  const conditions = readPreconditions(call.query);
  checkObjectName(name);
  const requested = readSettings(body.destination ?? {});
  const sources = readSources(body.sourceObjects).map((source) => findSource(call, source));
  checkBeforeWrite(conditions, bucket.get(name));
  const settings = newSettings(requested, bucket.settings.storageClass);
  checkStorageClasses(settings.storageClass, sources);
  const crc32c = sources.reduce((sum, source) => combineCrc32c(sum, source.crc32c, source.content.sizeBytes), 0);
  checkDigest({ crc32c }, { crc32c: requested.crc32c });
  const content = await bucket.contents.concat(
    name,
    sources.map((source) => source.content),
  );
  const componentCount = sources.reduce((sum, source) => sum + (source.componentCount ?? 1), 0);
  sendObject(call, call.store.insert(bucket, { name, settings, content, crc32c, componentCount }, conditions));
}

/** GCS composes objects of one class into an object of that class, the bucket's default where none is named. */
function checkStorageClasses(destination: string, sources: readonly StoredObject[]): void {
  const classes = [...new Set(sources.map((source) => source.settings.storageClass))];
  if (classes.every((storageClass) => storageClass === destination)) return;
  throw invalid(
    `Cannot compose object with destination storage class ${destination} from source components that have different storage classes (${classes.join(', ')})`,
  );
}

function readSources(value: unknown): readonly SourceObject[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new GcsError(400, 'required', 'Required parameter: sourceObjects');
  if (value.length > MAX_SOURCES) {
    throw invalid(`The number of source components provided (${value.length}) exceeds the maximum (${MAX_SOURCES})`);
  }
  return value as SourceObject[];
}

function findSource(call: GcsCall, source: SourceObject): StoredObject {
  if (typeof source.name !== 'string') throw new GcsError(400, 'required', 'Required parameter: sourceObjects.name');
  const generation = optionalInteger(source.generation, 'sourceObjects.generation');
  const object = call.store.object(call.route.bucket, source.name, generation);
  const expected = optionalInteger(source.objectPreconditions?.ifGenerationMatch, 'ifGenerationMatch');
  if (expected !== undefined && expected !== object.generation) throw conditionNotMet();
  return object;
}

function optionalInteger(value: unknown, parameter: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' && typeof value !== 'number')
    throw invalid(`Invalid value for parameter ${parameter}.`);
  return parseInteger(String(value), parameter);
}
