import { type MysqlStateOptions, openMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { expect } from 'vitest';

/** The error by which a state is not opened; no password, all of which hold the word `secret`, is in its message. */
export async function failureToOpen(options: MysqlStateOptions): Promise<Error> {
  const failure: unknown = await openMysqlState(options).then(
    (store) => store.close(),
    (error: unknown) => error,
  );
  if (!(failure instanceof Error)) throw new Error('it was opened');
  expect(failure.message).not.toContain('secret');
  return failure;
}
