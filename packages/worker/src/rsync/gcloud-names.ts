import { TransferError } from '@object-transfer/core/domain/errors';
import { destinationName, subfolderPrefix, type KeyMappingSettings } from '@object-transfer/core/domain/key-mapping';

/** Where `gcloud storage rsync` is to read and to write. */
export interface GcloudUrls {
  readonly source: string;
  readonly destination: string;
}

export interface GcloudBuckets {
  readonly mapping: KeyMappingSettings;
  readonly s3Bucket: string;
  readonly gcsBucket: string;
}

/**
 * The two URLs of a subfolder, without a slash at the end: with one, the CLI takes a folder and the zero-byte marker of it
 * for two matches, and refuses both.
 *
 * What is refused here and in {@link refuseMisreadKey} was tried with Google Cloud SDK 528.0.0. Every other character that
 * was tried arrives as it is, control characters and `.`, `..` and empty segments inside a name included; wildcards in the keys
 * below the folder do no harm.
 * @throws TransferError `TRANSFER_NAME_AMBIGUOUS` where the CLI would take a URL for something else
 */
export function gcloudUrls(buckets: GcloudBuckets, dirKey: string): GcloudUrls {
  const { mapping, s3Bucket, gcsBucket } = buckets;
  const source = { scheme: 's3', bucket: s3Bucket, prefix: subfolderPrefix(mapping, dirKey) };
  const destination = { scheme: 'gs', bucket: gcsBucket, prefix: mapping.gcsRootPrefix + dirKey };
  for (const folder of [source, destination]) {
    const reason = folderMisreading(folder);
    if (reason !== undefined) throw ambiguous(dirKey, urlOf(folder), reason);
  }
  return { source: urlOf(source), destination: urlOf(destination) };
}

/**
 * Refuses a folder for a key in it that the CLI would confuse with another one.
 * @throws TransferError `TRANSFER_NAME_AMBIGUOUS`
 */
export function refuseMisreadKey(buckets: GcloudBuckets, dirKey: string, key: string): void {
  const reason = keyMisreading(buckets.mapping, dirKey, key);
  if (reason !== undefined) throw ambiguous(dirKey, `s3://${buckets.s3Bucket}/${key}`, reason);
}

interface Folder {
  readonly scheme: string;
  readonly bucket: string;
  readonly prefix: string;
}

function urlOf({ scheme, bucket, prefix }: Folder): string {
  return prefix === '' ? `${scheme}://${bucket}` : `${scheme}://${bucket}/${prefix.replace(/\/$/, '')}`;
}

function folderMisreading({ scheme, bucket, prefix }: Folder): string | undefined {
  if (/[*?[\]]/.test(bucket + prefix)) return 'it takes * ? [ and ] in a folder for wildcards';
  if (prefix.includes('\0')) return 'no argument of a command can hold a NUL';
  const name = prefix.replace(/\/$/, '');
  if (prefix !== '' && (name === '' || name.endsWith('/'))) return 'it drops an empty segment at the end of a folder';
  if (name === '.' || name === '..') return 'it refuses . and .. at the root of a bucket';
  // The copies would end in the folder of the name without the number.
  if (scheme === 'gs' && /.#\d+$/s.test(name)) return 'it takes # and digits at the end for a generation';
  return undefined;
}

function keyMisreading(mapping: KeyMappingSettings, dirKey: string, key: string): string | undefined {
  // It would read another object and write it under another name.
  if (/.#./s.test(key)) return 'it takes what follows a # for the version of an object';
  if (/[\r\n]/.test(key))
    return 'its list of objects is a file of lines, and a line break in a name ends it in a crash';
  if (key.startsWith('/', subfolderPrefix(mapping, dirKey).length)) {
    return 'it drops a slash at the start of a name, and would write over the object that has the name without it';
  }
  const rootNames = [key, destinationName(mapping, key)];
  if (rootNames.some((name) => name === '.' || name === '..')) return 'it refuses . and .. at the root of a bucket';
  return undefined;
}

function ambiguous(dirKey: string, name: string, reason: string): TransferError {
  return new TransferError(
    'TRANSFER_NAME_AMBIGUOUS',
    `subfolder ${JSON.stringify(dirKey)} is not given to gcloud storage rsync because of ${JSON.stringify(name)}: ${reason}. ` +
      'Repair it with rsync_engine native',
    { op: 'gcloud storage rsync', source: name },
  );
}
