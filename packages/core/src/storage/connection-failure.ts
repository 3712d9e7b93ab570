import { ObjectTransferError } from '../domain/errors.ts';

/** Node's own complaints about wrong use, as opposed to what the other side or the network did. */
const DEFECT = /^(?:UND_ERR_(?:ABORT|ABORTED|DESTROYED|CLOSED|INVALID_ARG|NOT_SUPPORTED|REQ_.*)|ERR_(?!TLS|SSL).*)$/;

/**
 * Says in words what broke a connection, for a message.
 * @returns `undefined` where the error is an abort, a defect of ours or already says what it is, and is to be passed on as it is
 */
export function describeConnectionFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof ObjectTransferError) return undefined;
  // The other side does not speak HTTP: not all of these have a code.
  if (error.name === 'HTTPParserError') return error.message;
  const code: unknown = (error as NodeJS.ErrnoException).code;
  if (typeof code !== 'string' || DEFECT.test(code)) return undefined;
  // Where several addresses were tried, the message of the whole is empty.
  const message = error instanceof AggregateError ? error.errors.map(String).join('; ') : error.message;
  return `${message} (${code})`;
}
