import { StateError, type StateErrorCode } from '../domain/errors.ts';

/** Result codes of SQLite. @see https://www.sqlite.org/rescode.html */
export const SQLITE_RESULT = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

/** Extended codes of SQLITE_IOERR that say that what was written before cannot be read back. */
const UNREADABLE_CODES: ReadonlySet<number> = new Set([
  266, // SQLITE_IOERR_READ
  522, // SQLITE_IOERR_SHORT_READ
  8202, // SQLITE_IOERR_DATA
  8458, // SQLITE_IOERR_CORRUPTFS
]);

/** The extended result code of an error of `node:sqlite`; `undefined` for any other error. */
export function sqliteErrorCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** True where another connection was in the way: the same statement may succeed a moment later. */
export function isSqliteBusy(error: unknown): boolean {
  const result = primaryCode(error);
  return result === SQLITE_RESULT.busy || result === SQLITE_RESULT.locked;
}

/**
 * @param op what was being done: `claimSubfolders`, `publish`
 * @returns a StateError for what the outside world did to the file; the error itself for anything else, which is a
 *   defect of the caller
 */
export function toStateError(error: unknown, op: string, file: string): unknown {
  const verdict = judge(error);
  if (verdict === undefined) return error;
  return new StateError(verdict.code, `state file ${file}: ${verdict.reason}`, { op, source: file, cause: error });
}

function judge(error: unknown): { readonly code: StateErrorCode; readonly reason: string } | undefined {
  switch (primaryCode(error)) {
    case SQLITE_RESULT.busy:
    case SQLITE_RESULT.locked:
      return { code: 'STATE_UNAVAILABLE', reason: 'another process kept it locked for too long' };
    case SQLITE_RESULT.cannotOpen:
      return { code: 'STATE_UNAVAILABLE', reason: 'it, or a file beside it, cannot be opened' };
    case SQLITE_RESULT.readOnly:
      return { code: 'STATE_READ_ONLY', reason: 'it cannot be written' };
    case SQLITE_RESULT.full:
      return { code: 'STATE_STORAGE_FULL', reason: 'the disk is full' };
    case SQLITE_RESULT.ioError:
      // SQLite answers SQLITE_FULL to ENOSPC only; a quota, or no room for the -shm file, is an I/O error.
      return UNREADABLE_CODES.has(sqliteErrorCode(error) ?? 0)
        ? { code: 'STATE_CORRUPT', reason: 'it cannot be read back' }
        : { code: 'STATE_STORAGE_FULL', reason: 'writing failed: the disk is full, over quota or failing' };
    case SQLITE_RESULT.corrupt:
    case SQLITE_RESULT.notADatabase:
      return { code: 'STATE_CORRUPT', reason: 'it is damaged' };
    default:
      return undefined;
  }
}

function primaryCode(error: unknown): number | undefined {
  const code = sqliteErrorCode(error);
  return code === undefined ? undefined : code & 0xff;
}
