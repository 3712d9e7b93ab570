import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { ConfigurationError, StateError } from '@object-transfer/core/domain/errors';

/** Resolves when the text is on its way. */
type Write = (text: string) => Promise<void>;

/**
 * Writes a file whole or not at all: what was there before stays until then.
 * @throws ConfigurationError `CONFIG_INVALID` where it cannot be written at all; StateError `STATE_STORAGE_FULL`,
 *   `STATE_READ_ONLY`; what `produce` throws
 */
export async function writeToFile<T>(file: string, produce: (write: Write) => Promise<T>): Promise<T> {
  // In a folder that others write to as well, a name that can be guessed may be a link to somewhere else.
  const unfinished = `${file}.${randomUUID()}.tmp`;
  const handle = await openNew(unfinished, file);
  try {
    const produced = await produce((text) => reporting(file, () => handle.appendFile(text)));
    await reporting(file, async () => {
      await handle.sync();
      await handle.close();
      await rename(unfinished, file);
    });
    return produced;
  } catch (error) {
    await handle.close();
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Writes to a stream no faster than it is read. @throws StateError; an error of which {@link isReaderGone} is true */
export async function writeToStream<T>(
  stream: NodeJS.WritableStream,
  produce: (write: Write) => Promise<T>,
): Promise<T> {
  // Each write is told its own error; without a listener, the first would also end the process.
  stream.on('error', ignore);
  return produce((text) =>
    reporting('the output', () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      stream.write(text, (error) => (error ? reject(error) : resolve()));
      return promise;
    }),
  );
}

function ignore(): void {}

/** True where whoever read the output has closed it. */
export function isReaderGone(error: unknown): boolean {
  return codeOf(error) === 'EPIPE';
}

async function openNew(unfinished: string, file: string): Promise<FileHandle> {
  try {
    if (existsSync(file) && statSync(file).isDirectory()) throw new Error('it is a folder');
    return await open(unfinished, 'wx');
  } catch (error) {
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `--output: cannot write ${JSON.stringify(file)}: ${(error as Error).message}`,
      { op: 'writeOutput', destination: file, cause: error },
    );
  }
}

/** Names what the file system refuses. */
async function reporting(destination: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (isReaderGone(error)) throw error;
    const isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
    throw new StateError(
      isFull ? 'STATE_STORAGE_FULL' : 'STATE_READ_ONLY',
      `${destination} could not be written: ${(error as Error).message}`,
      { op: 'writeOutput', destination, cause: error },
    );
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
