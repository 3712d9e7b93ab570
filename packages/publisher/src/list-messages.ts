import { subfolderPrefix } from '@object-transfer/core/domain/key-mapping';
import type { ObjectFilter } from '@object-transfer/core/domain/object-filter';
import { isArchivedStorageClass, type SourceObject } from '@object-transfer/core/domain/source-object';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import { MessagePacker, type PackedMessage, type PackingLimits } from '@object-transfer/core/domain/message-packer';

/** What is listed, what of it takes part, and how it is packed. */
export interface ObjectSelection {
  readonly lister: ObjectLister;
  /** Empty, or with a trailing slash. */
  readonly s3RootPrefix: string;
  readonly filter: ObjectFilter;
  readonly packing: PackingLimits;
}

/** What one page of a listing adds; the last one may add a message only. */
export interface PackedPage {
  readonly messages: readonly PackedMessage[];
  /** Objects that the filter left out. */
  readonly filtered: number;
  /** Objects that S3 will not serve until they are restored. */
  readonly archived: readonly SourceObject[];
}

/**
 * Lists the objects of a subfolder as messages. The root's own row `''` is listed without its subfolders, every other
 * with all that is below it. A key equal to the prefix (a folder's zero-byte marker) is an object like any other.
 * @throws what the lister throws; the listing never ends early
 */
export async function* listMessages(
  selection: ObjectSelection,
  dirKey: string,
  signal: AbortSignal,
): AsyncGenerator<PackedPage> {
  const packer = new MessagePacker(dirKey, selection.packing);
  const pages = selection.lister.listObjects({
    prefix: subfolderPrefix(selection, dirKey),
    delimiter: dirKey === '' ? '/' : undefined,
    signal,
  });
  for await (const { objects } of pages) {
    const messages: PackedMessage[] = [];
    const archived: SourceObject[] = [];
    let filtered = 0;
    for (const object of objects) {
      if (!selection.filter(object)) {
        filtered += 1;
      } else if (isArchivedStorageClass(object.storageClass)) {
        archived.push(object);
      } else {
        const full = packer.add(object);
        if (full !== undefined) messages.push(full);
      }
    }
    yield { messages, filtered, archived };
  }
  const last = packer.flush();
  yield { messages: last === undefined ? [] : [last], filtered: 0, archived: [] };
}
