import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { compareUtf8, destinationName } from '@object-transfer/core/domain/key-mapping';
import type { MessageObject } from '@object-transfer/core/domain/message-codec';
import { nameViolation } from '@object-transfer/core/domain/object-name-rules';
import type { TransferContext } from './transfer-context.ts';
import type { FoundObjects } from './transfer-object.ts';

/**
 * The keys of a message lie side by side in the listing, so one request tells which of them are already there; it
 * costs as much as one upload. Beyond this many pages the destination holds so much in between that looking on costs more than finding
 * out at the upload (412).
 */
const MAX_PAGES = 2;

/** What is already under the names of these objects. Names left out of the answer are free, or not known. */
export async function findExisting(
  context: TransferContext,
  objects: readonly MessageObject[],
  signal: AbortSignal,
): Promise<FoundObjects> {
  const names = objects
    .filter((object) => object.key.startsWith(context.mapping.s3RootPrefix))
    .map((object) => destinationName(context.mapping, object.key))
    // GCS may refuse to even look for what it forbids; such an object fails by itself, without the others.
    .filter((name) => nameViolation(name) === undefined)
    .toSorted(compareUtf8);
  const [first] = names;
  const last = names.at(-1);
  const found = new Map<string, DestinationObject>();
  if (first === undefined || last === undefined) return found;
  const wanted = new Set(names);
  // The end is exclusive: the smallest string after `last` is `last` followed by a NUL.
  const pages = context.destination.listObjects({ prefix: '', startOffset: first, endOffset: `${last}\0`, signal });
  let pagesRead = 0;
  for await (const page of pages) {
    for (const object of page.objects) if (wanted.has(object.name)) found.set(object.name, object);
    if (++pagesRead >= MAX_PAGES) break;
  }
  return found;
}
