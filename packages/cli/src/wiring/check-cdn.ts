import { ConfigurationError, SourceError } from '@object-transfer/core/domain/errors';
import type { ObjectFilter } from '@object-transfer/core/domain/object-filter';
import { isArchivedStorageClass, type SourceObject } from '@object-transfer/core/domain/source-object';
import type { ObjectLister, ObjectReader } from '@object-transfer/core/ports/object-source';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { errorFields } from '@object-transfer/core/domain/classify-error';
import { DEFAULT_RETRY_POLICY, retry, type RetryPolicy } from '@object-transfer/core/runtime/retry';

/** One edge may say once that it has nothing, or refuse: that alone is no wrong setting. */
const MAX_REFUSALS = 3;

export interface CdnCheck {
  readonly cdn: ObjectReader;
  readonly lister: ObjectLister;
  readonly s3RootPrefix: string;
  readonly filter: ObjectFilter;
  readonly logger: Logger;
  readonly retryPolicy?: RetryPolicy | undefined;
}

/**
 * Reads one byte of one object through the CDN before anything is begun: a signing key that the CDN does not accept, or a
 * host that does not exist, would otherwise be found out object by object.
 * @throws ConfigurationError where the CDN refuses the signature or maps keys elsewhere; SourceError where it cannot be
 *   reached
 */
export async function checkCdn(check: CdnCheck, signal: AbortSignal): Promise<void> {
  const object = await findReadable(check, signal);
  if (object === undefined) return;
  try {
    await readOneByte(check, object.key, signal);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    if (error.code === 'SOURCE_SIGNATURE_REJECTED') {
      throw new ConfigurationError(
        'CONFIG_INVALID',
        `the CDN does not accept the signature: ${error.message}; check url_signer_key_pair_id, the private key, and the clock of this machine`,
        { cause: error },
      );
    }
    if (error.code === 'SOURCE_NOT_FOUND') {
      throw new ConfigurationError(
        'CONFIG_INVALID',
        `the CDN has nothing at ${error.source ?? object.key}, though S3 lists ${JSON.stringify(object.key)}: check --cdn (cloudfront_url_host_pre) and replace_key_parts`,
        { cause: error },
      );
    }
    if (error.code === 'SOURCE_CONNECTION') {
      throw new SourceError('SOURCE_CONNECTION', `the CDN (--cdn) cannot be reached: ${error.message}`, {
        op: error.op,
        source: error.source,
        cause: error,
      });
    }
    // One object may have troubles of its own, and the transfer knows what to do about them.
    check.logger.warn({ key: object.key, ...errorFields(error) }, 'the CDN does not serve an object that S3 lists');
  }
}

/** Asks again where it is refused. @throws SourceError as the last attempt did */
async function readOneByte(check: CdnCheck, key: string, signal: AbortSignal): Promise<void> {
  const { cdn, retryPolicy = DEFAULT_RETRY_POLICY } = check;
  let refusals = 0;
  const mayPass = (error: unknown): boolean => isRefusal(error) && ++refusals < MAX_REFUSALS;
  await retry(retryPolicy, { signal, mayPass }, async () => {
    const content = await cdn.read({ key, range: { start: 0, end: 0 }, signal });
    content.cancel();
  });
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof SourceError)) return false;
  return error.code === 'SOURCE_SIGNATURE_REJECTED' || error.code === 'SOURCE_NOT_FOUND';
}

/** The first page is enough to find one that can be read. */
async function findReadable(check: CdnCheck, signal: AbortSignal): Promise<SourceObject | undefined> {
  for await (const page of check.lister.listObjects({ prefix: check.s3RootPrefix, signal })) {
    return page.objects.find(
      (object) => object.sizeBytes > 0 && !isArchivedStorageClass(object.storageClass) && check.filter(object),
    );
  }
  return undefined;
}
