import { GcsError, invalid } from './gcs-error.ts';

const MAX_NAME_BYTES = 1_024;

/**
 * Refuses the object names that GCS refuses.
 * @throws GcsError 400
 * @see https://cloud.google.com/storage/docs/objects#naming
 */
export function checkObjectName(name: string): void {
  if (name === '') throw new GcsError(400, 'required', 'Required parameter: name');
  if (!name.isWellFormed()) throw invalid('The object name is not valid UTF-8.');
  // No unit of UTF-16 takes more than three bytes: only long names need counting.
  if (name.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw invalid(
      `The maximum object length is ${MAX_NAME_BYTES} characters, but got a name with ${Buffer.byteLength(name)} characters.`,
    );
  }
  if (name.includes('\r') || name.includes('\n')) {
    throw invalid('Disallowed unicode characters present in object name: carriage return or line feed.');
  }
  if (name === '.' || name === '..' || name.startsWith('.well-known/acme-challenge/')) {
    throw invalid(`The object name '${name}' is invalid.`);
  }
}

/**
 * Refuses bucket names outside GCS's alphabet; what passes is also safe as the name of a directory.
 * @throws GcsError 400
 * @see https://cloud.google.com/storage/docs/buckets#naming
 */
export function checkBucketName(name: string): void {
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name) || name.includes('..')) {
    throw invalid(`Invalid bucket name: '${name}'`);
  }
}
