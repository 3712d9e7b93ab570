import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { classifyError, describeError, errorFields } from './classify-error.ts';
import {
  ConfigurationError,
  DestinationError,
  MessageError,
  type ObjectTransferError,
  SourceError,
  StateError,
  TransferError,
  type DestinationErrorCode,
  type SourceErrorCode,
} from './errors.ts';

const RETRYABLE: readonly ObjectTransferError[] = [
  ...(
    [
      'SOURCE_SIZE_MISMATCH',
      'SOURCE_STALE_COPY',
      'SOURCE_TRANSFORMED_COPY',
      'SOURCE_RANGE_NOT_HONOURED',
      'SOURCE_THROTTLED',
      'SOURCE_UNAVAILABLE',
      'SOURCE_CONNECTION',
      'SOURCE_LISTING_INVALID',
    ] satisfies SourceErrorCode[]
  ).map((code) => new SourceError(code, 'm', { op: 'GetObject' })),
  ...(
    [
      'DESTINATION_CHECKSUM_REJECTED',
      'DESTINATION_THROTTLED',
      'DESTINATION_UNAVAILABLE',
      'DESTINATION_CONNECTION',
      'DESTINATION_LISTING_INVALID',
    ] satisfies DestinationErrorCode[]
  ).map((code) => new DestinationError(code, 'm', { op: 'objects.insert' })),
  new TransferError('TRANSFER_CHECKSUM_MISMATCH', 'm', { op: 'verify' }),
  new StateError('STATE_UNAVAILABLE', 'm', { op: 'claim' }),
];
const FINAL: readonly ObjectTransferError[] = [
  ...(
    [
      'SOURCE_NOT_FOUND',
      'SOURCE_FORBIDDEN',
      'SOURCE_SIGNATURE_REJECTED',
      'SOURCE_ARCHIVED',
      'SOURCE_CHANGED',
      'SOURCE_REJECTED',
      'SOURCE_KEY_OUTSIDE_ROOT',
    ] satisfies SourceErrorCode[]
  ).map((code) => new SourceError(code, 'm', { op: 'GetObject' })),
  ...(
    [
      'DESTINATION_NAME_FORBIDDEN',
      'DESTINATION_METADATA_TOO_LARGE',
      'DESTINATION_NOT_FOUND',
      'DESTINATION_FORBIDDEN',
      'DESTINATION_PRECONDITION_FAILED',
      'DESTINATION_REJECTED',
    ] satisfies DestinationErrorCode[]
  ).map((code) => new DestinationError(code, 'm', { op: 'objects.insert' })),
  new StateError('STATE_CORRUPT', 'm', { op: 'claim' }),
  new StateError('STATE_LEASE_LOST', 'm', { op: 'claim' }),
  new StateError('STATE_STORAGE_FULL', 'm', { op: 'claim' }),
  new MessageError('MESSAGE_MALFORMED', 'm', { op: 'decodeMessage' }),
  new ConfigurationError('CONFIG_INVALID', 'm'),
];

describe('an error', () => {
  test('carries what was being done to what, and why it failed', () => {
    const cause = new Error('socket hang up');
    const error = new SourceError('SOURCE_THROTTLED', 'slow down', {
      op: 'GetObject',
      source: 'a/1',
      destination: 'gs://b/a/1',
      cause,
      httpStatus: 503,
      retryAfterMs: 2000,
    });
    expect(error).toMatchObject({
      name: 'SourceError',
      message: 'slow down',
      code: 'SOURCE_THROTTLED',
      op: 'GetObject',
      source: 'a/1',
      destination: 'gs://b/a/1',
      httpStatus: 503,
      retryAfterMs: 2000,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });

  test('has no cause where none was given', () => {
    expect('cause' in new StateError('STATE_CORRUPT', 'm', { op: 'open' })).toBe(false);
  });

  test('of the configuration needs no context', () => {
    expect(new ConfigurationError('CONFIG_INVALID', 'm').op).toBe('configure');
    expect(new ConfigurationError('CONFIG_INVALID', 'm', { op: 'openFile', source: 'x' })).toMatchObject({
      op: 'openFile',
      source: 'x',
    });
  });
});

describe('classification', () => {
  test.each(RETRYABLE.map((error) => [error.code, error] as const))('%s may pass', (_code, error) => {
    const overload = error.code.endsWith('_THROTTLED');
    expect(classifyError(error)).toEqual({ retryable: true, overload, retryAfterMs: undefined });
  });

  test.each(FINAL.map((error) => [error.code, error] as const))('%s is final', (_code, error) => {
    expect(classifyError(error).retryable).toBe(false);
  });

  test.each([408, 429, 503, 504])('status %i asks for less', (httpStatus) => {
    const error = new DestinationError('DESTINATION_THROTTLED', 'm', { op: 'o', httpStatus, retryAfterMs: 7 });
    expect(classifyError(error)).toEqual({ retryable: true, overload: true, retryAfterMs: 7 });
  });

  test.each([200, 400, 404, 412, 500, 502])('status %i does not', (httpStatus) => {
    expect(classifyError(new DestinationError('DESTINATION_REJECTED', 'm', { op: 'o', httpStatus })).overload).toBe(
      false,
    );
  });

  test.each([new TypeError('defect'), new DOMException('stop', 'AbortError'), 'text', undefined, null])(
    'what is not ours is never retried: %s',
    (error) => {
      expect(classifyError(error)).toEqual({ retryable: false, overload: false, retryAfterMs: undefined });
    },
  );
});

describe('description', () => {
  test('of an error of ours is its code and message', () => {
    expect(describeError(new StateError('STATE_CORRUPT', 'broken', { op: 'open' }))).toEqual({
      code: 'STATE_CORRUPT',
      message: 'broken',
    });
  });

  test('of anything else says that it was not expected', () => {
    expect(describeError(new TypeError('x is not a function'))).toEqual({
      code: 'UNEXPECTED',
      message: 'TypeError: x is not a function',
    });
    expect(describeError('text')).toEqual({ code: 'UNEXPECTED', message: 'text' });
    expect(describeError(undefined)).toEqual({ code: 'UNEXPECTED', message: 'undefined' });
  });

  test('in a log line leaves the text of the line alone', () => {
    const lines: string[] = [];
    const logger = pino({ messageKey: 'message' }, { write: (line) => void lines.push(line) });
    logger.warn(errorFields(new StateError('STATE_CORRUPT', 'broken', { op: 'open' })), 'it did not work');
    expect(lines.join('').match(/"message"/g)).toHaveLength(1);
    expect(JSON.parse(lines.join(''))).toMatchObject({
      message: 'it did not work',
      code: 'STATE_CORRUPT',
      reason: 'broken',
    });
  });
});
