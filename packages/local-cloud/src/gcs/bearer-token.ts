import type { GcsCall } from './gcs-call.ts';
import { GcsError } from './gcs-error.ts';

/** The one token that is good, or a judge of tokens. */
export type TokenCheck = string | ((token: string) => boolean);

/**
 * An upload session's address is itself a permission, so a request to it may come without a token.
 * @throws GcsError 401
 */
export function checkBearerToken(check: TokenCheck | undefined, call: GcsCall): void {
  if (check === undefined) return;
  const token = /^Bearer (.+)$/i.exec(call.request.headers.authorization ?? '')?.[1];
  if (token === undefined) {
    if (call.query.has('upload_id')) return;
    throw new GcsError(401, 'required', 'Anonymous caller does not have access to the Google Cloud Storage bucket.');
  }
  if (typeof check === 'string' ? token !== check : !check(token)) {
    throw new GcsError(401, 'authError', 'Invalid Credentials');
  }
}
