import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { type PartsSweep, sweepParts } from './sweep-parts.ts';

/**
 * {@link sweepParts}, told in the log. Parts that cannot be swept now cost money, not objects: they are no reason to stop.
 * @throws the reason of `signal`, and nothing else
 */
export async function sweepDeadParts(sweep: PartsSweep, logger: Logger, signal: AbortSignal): Promise<void> {
  try {
    const { deleted, failed, firstError } = await sweepParts(sweep, signal);
    if (deleted > 0) logger.info({ parts: deleted }, 'deleted temporary parts of a process that is gone');
    if (failed > 0) logger.warn({ parts: failed, ...errorFields(firstError) }, 'temporary parts could not be deleted');
  } catch (error) {
    signal.throwIfAborted();
    logger.warn(errorFields(error), 'temporary parts could not be looked for');
  }
}
