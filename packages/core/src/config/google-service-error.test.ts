import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import { googleServiceError } from './google-service-error.ts';

const CALL = { service: 'Datastore', host: 'datastore.googleapis.com', projectId: 'p', op: 'Lookup', source: 'C/n' };

/** As `@grpc/grpc-js` reports a call that failed. */
function failed(code: status, details: string): Error {
  return Object.assign(new Error(`${code} ${status[code]}: ${details}`), { code, details });
}

describe('googleServiceError', () => {
  it.each([
    [status.PERMISSION_DENIED, 'CONFIG_ACCESS_DENIED', false],
    [status.UNAUTHENTICATED, 'CONFIG_ACCESS_DENIED', false],
    [status.UNAVAILABLE, 'SERVICE_UNAVAILABLE', true],
    [status.CANCELLED, 'SERVICE_UNAVAILABLE', true],
    [status.NOT_FOUND, 'SERVICE_REJECTED', false],
    [status.UNIMPLEMENTED, 'SERVICE_REJECTED', false],
  ])('names status %i %s', (code, name, retryable) => {
    const error = googleServiceError(failed(code, 'why'), CALL);
    expect(error).toMatchObject({ code: name, retryable, op: 'Lookup', source: 'C/n' });
    expect(error.cause).toBeUndefined();
    expect(error.message).toContain(`${status[code]}: why`);
  });

  it.each([
    ['invalid_grant', 'CONFIG_ACCESS_DENIED'],
    ['request to https://oauth2.googleapis.com/token failed, reason: ECONNREFUSED', 'SERVICE_UNAVAILABLE'],
  ])('tells whether a token was refused or could not be asked for: %s', (reason, code) => {
    const error = failed(status.UNKNOWN, `Getting metadata from plugin failed with error: ${reason}`);
    expect(googleServiceError(error, CALL)).toMatchObject({
      code,
      message: `Google gave no access token for Datastore: ${reason}`,
    });
  });

  it('lets the caller say what a status means', () => {
    const missing = new ConfigurationError('CONFIG_ENTITY_MISSING', 'gone');
    const explain = (code: status): ConfigurationError | undefined => (code === status.NOT_FOUND ? missing : undefined);
    expect(googleServiceError(failed(status.NOT_FOUND, ''), { ...CALL, explain })).toBe(missing);
    expect(googleServiceError(failed(status.ABORTED, ''), { ...CALL, explain }).code).toBe('SERVICE_UNAVAILABLE');
  });

  it('leaves errors alone that have a name already, and takes others for a refusal', () => {
    const named = new ConfigurationError('CONFIG_INVALID', 'x');
    expect(googleServiceError(named, CALL)).toBe(named);
    expect(googleServiceError(new TypeError('defect'), CALL)).toMatchObject({ code: 'SERVICE_REJECTED' });
  });
});
