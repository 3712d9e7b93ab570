import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';

/** Resolves when the text is on its way. */
export type Write = (text: string) => Promise<void>;

/** What a file is written for says what it means that it could not be. @param error of the file system */
export interface FileRefusal {
  /** Nothing could be begun. */
  opening(error: Error): Error;
  writing(error: Error): Error;
}

/**
 * Writes a file whole or not at all: what was there before stays until then.
 * @throws what `refusal` makes of what the file system refuses; what `produce` throws
 */
export async function writeWholeFile<T>(
  file: string,
  refusal: FileRefusal,
  produce: (write: Write) => Promise<T>,
): Promise<T> {
  // In a folder that others write to as well, a name that can be guessed may be a link to somewhere else.
  const unfinished = `${file}.${randomUUID()}.tmp`;
  const writing = (error: Error): Error => refusal.writing(error);
  const handle = await orElse(
    () => openNew(unfinished, file),
    (error) => refusal.opening(error),
  );
  try {
    const produced = await produce((text) => orElse(() => handle.appendFile(text), writing));
    await orElse(async () => {
      await handle.sync();
      await handle.close();
      await rename(unfinished, file);
    }, writing);
    return produced;
  } catch (error) {
    await handle.close();
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** True where a disk or a quota is full. */
export function isDiskFull(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

async function openNew(unfinished: string, file: string): Promise<FileHandle> {
  if (existsSync(file) && statSync(file).isDirectory()) throw new Error('it is a folder');
  return open(unfinished, 'wx');
}

async function orElse<T>(work: () => Promise<T>, refused: (error: Error) => Error): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw refused(error as Error);
  }
}
