import { ConfigurationError, StateError } from '@object-transfer/core/domain/errors';
import { isDiskFull, writeWholeFile, type Write } from './write-whole-file.ts';

/**
 * Writes a file whole or not at all: what was there before stays until then.
 * @throws ConfigurationError `CONFIG_INVALID` where it cannot be written at all; StateError `STATE_STORAGE_FULL`,
 *   `STATE_READ_ONLY`; what `produce` throws
 */
export function writeToFile<T>(file: string, produce: (write: Write) => Promise<T>): Promise<T> {
  const refusal = {
    opening: (error: Error) =>
      new ConfigurationError('CONFIG_INVALID', `--output: cannot write ${JSON.stringify(file)}: ${error.message}`, {
        op: 'writeOutput',
        destination: file,
        cause: error,
      }),
    writing: (error: Error) => notWritten(file, error),
  };
  return writeWholeFile(file, refusal, produce);
}

/** Writes to a stream no faster than it is read. @throws StateError; an error of which {@link isReaderGone} is true */
export async function writeToStream<T>(
  stream: NodeJS.WritableStream,
  produce: (write: Write) => Promise<T>,
): Promise<T> {
  // Each write is told its own error; without a listener, the first would also end the process.
  stream.on('error', ignore);
  return produce(
    (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(isReaderGone(error) ? error : notWritten('the output', error));
        });
      }),
  );
}

function ignore(): void {}

/** True where whoever read the output has closed it. */
export function isReaderGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
}

/** Names what could not be written, and why. */
function notWritten(destination: string, error: Error): StateError {
  return new StateError(
    isDiskFull(error) ? 'STATE_STORAGE_FULL' : 'STATE_READ_ONLY',
    `${destination} could not be written: ${error.message}`,
    { op: 'writeOutput', destination, cause: error },
  );
}
