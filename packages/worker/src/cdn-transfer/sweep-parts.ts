import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';

const PARTS_FOLDER = '.object-transfer-parts/';

/** Where the temporary parts of a process live: beside the objects, in a folder that no subfolder row covers. */
export function partsPrefix(gcsRootPrefix: string, processId: string): string {
  return `${gcsRootPrefix}${PARTS_FOLDER}${processId}/`;
}

/**
 * Deletes the temporary parts that dead processes left behind.
 * @param isDead decides by the process id in a part's name; parts of processes that may be alive stay
 * @returns how many were deleted
 */
export async function sweepParts(
  destination: ObjectDestination,
  gcsRootPrefix: string,
  isDead: (processId: string) => boolean,
  signal: AbortSignal,
): Promise<number> {
  const prefix = `${gcsRootPrefix}${PARTS_FOLDER}`;
  let deleted = 0;
  for await (const page of destination.listObjects({ prefix, signal })) {
    for (const object of page.objects) {
      const [processId = ''] = object.name.slice(prefix.length).split('/');
      if (!isDead(processId)) continue;
      await destination.delete(object.name, object.generation, signal);
      deleted++;
    }
  }
  return deleted;
}
