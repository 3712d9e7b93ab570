import { access, constants } from 'node:fs/promises';
import { ConfigurationError } from '../domain/errors.ts';
import { decodeManifestLine, type ManifestEntry } from '../domain/manifest.ts';
import { splitLines } from './split-lines.ts';

/**
 * Reads a manifest of any size in bounded memory.
 * @throws ConfigurationError `CONFIG_UNREADABLE`, `CONFIG_INVALID` naming the line
 */
export async function* readManifest(path: string, signal: AbortSignal): AsyncGenerator<ManifestEntry, void, undefined> {
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError('CONFIG_UNREADABLE', `cannot read the manifest ${path}: ${reason}`, {
      op: 'readManifest',
      source: path,
      cause,
    });
  }
  const problem = (line: number, reason: string) =>
    new ConfigurationError('CONFIG_INVALID', `manifest ${path} line ${line}: ${reason}`, {
      op: 'readManifest',
      source: path,
    });
  for await (const { number, text } of splitLines(path, problem, signal)) {
    const entry = decodeManifestLine(text, `manifest ${path} line ${number}`);
    if (entry !== undefined) yield entry;
  }
}

/**
 * Looks at every line of a manifest before anything is done with it.
 * @param s3RootPrefix below which every key must lie
 * @returns how many keys it has
 * @throws ConfigurationError as {@link readManifest}; `CONFIG_INVALID` for a key that lies elsewhere
 */
export async function checkManifest(path: string, s3RootPrefix: string, signal: AbortSignal): Promise<number> {
  let keys = 0;
  for await (const { key } of readManifest(path, signal)) {
    keys++;
    if (key.startsWith(s3RootPrefix)) continue;
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `manifest ${path}: the key ${JSON.stringify(key)} is not under s3_root_prefix ${JSON.stringify(s3RootPrefix)}`,
      { op: 'readManifest', source: path },
    );
  }
  return keys;
}
