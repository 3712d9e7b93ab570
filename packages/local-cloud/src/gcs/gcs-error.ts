/** One entry of the `errors` list of a Google error body. */
interface ErrorDetail {
  readonly domain: 'global';
  readonly reason: string;
  readonly message: string;
  readonly locationType?: string;
  readonly location?: string;
}

/**
 * A refusal in the shape of Google's JSON APIs:
 * `{"error":{"code":412,"message":…,"errors":[{"domain":…,"reason":…,"message":…}]}}`.
 * @see https://cloud.google.com/storage/docs/json_api/v1/status-codes
 */
export class GcsError extends Error {
  override readonly name = 'GcsError';
  /** HTTP status of the answer. */
  readonly status: number;
  readonly reason: string;
  readonly #messages: readonly string[];

  constructor(status: number, reason: string, message: string, ...more: readonly string[]) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.#messages = [message, ...more];
  }

  /** The JSON body. */
  body(): { error: { code: number; message: string; errors: readonly ErrorDetail[] } } {
    const errors: ErrorDetail[] = [];
    for (const message of this.#messages) {
      errors.push({ domain: 'global', reason: this.reason, message, ...LOCATIONS[this.reason] });
    }
    return { error: { code: this.status, message: this.message, errors } };
  }
}

/** Where Google says that the offending value was, for the reasons that carry it. */
const LOCATIONS: Record<string, { locationType: string; location: string }> = {
  conditionNotMet: { locationType: 'header', location: 'If-Match' },
  authError: { locationType: 'header', location: 'Authorization' },
};

/** 400, reason `invalid`; each further message becomes an entry of its own. */
export function invalid(message: string, ...more: readonly string[]): GcsError {
  return new GcsError(400, 'invalid', message, ...more);
}

/** 404 for an object, in Google's words. */
export function noSuchObject(bucket: string, name: string): GcsError {
  return new GcsError(404, 'notFound', `No such object: ${bucket}/${name}`);
}

/** 404 for a bucket, in Google's words. */
export function noSuchBucket(): GcsError {
  return new GcsError(404, 'notFound', 'The specified bucket does not exist.');
}

/** 412: an `ifGeneration*` or `ifMetageneration*` condition does not hold. */
export function conditionNotMet(): GcsError {
  return new GcsError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
}
