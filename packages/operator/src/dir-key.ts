import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import type { StateStore } from '@object-transfer/core/ports/state-store';

/** A subfolder as an operator names it: the last slash may be left out; `''` is the root's own row. */
function toDirKey(given: string): string {
  return given === '' || given.endsWith('/') ? given : `${given}/`;
}

/**
 * The row of a subfolder that an operator names.
 * @throws ConfigurationError `CONFIG_INVALID` where the state has none: a slip must not look like "nothing to do"
 */
export async function requireSubfolder(store: Pick<StateStore, 'getSubfolder'>, given: string): Promise<Subfolder> {
  const dirKey = toDirKey(given);
  const row = await store.getSubfolder(dirKey);
  if (row !== undefined) return row;
  throw new ConfigurationError(
    'CONFIG_INVALID',
    `--dir: the state has no subfolder ${JSON.stringify(dirKey)}; subfolders are named without the root prefix, and the root's own row is ''`,
    { op: 'findSubfolder', source: dirKey },
  );
}

/** {@link requireSubfolder} for several, each once. @returns their keys */
export async function requireDirKeys(
  store: Pick<StateStore, 'getSubfolder'>,
  given: readonly string[],
): Promise<readonly string[]> {
  const dirKeys = new Set<string>();
  for (const dir of given) dirKeys.add((await requireSubfolder(store, dir)).dirKey);
  return [...dirKeys];
}

/**
 * The `dir_key` of a subfolder whose errors an operator asks for. Errors are also kept under folders that have no row: those
 * of keys that were published by hand, or by the reference tool.
 * @throws as {@link requireSubfolder}, where it has no errors either
 */
export async function requireErrorDir(
  store: Pick<StateStore, 'getSubfolder' | 'countOpenObjectErrors'>,
  given: string,
): Promise<string> {
  const dirKey = toDirKey(given);
  if ((await store.countOpenObjectErrors(dirKey)).length === 0) await requireSubfolder(store, given);
  return dirKey;
}
