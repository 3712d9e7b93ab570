import type { ObjectContent } from '@object-transfer/core/ports/object-source';
import { destinationProperties } from './destination-properties.ts';
import { isSameContent } from './verify-written.ts';
import type { TransferContext, TransferPlan } from './transfer-context.ts';
import { underWriteLimit } from './under-limit.ts';

/** True where what is under the name has these bytes already, and may stay. @param crc32c of the source's bytes */
export function isThereAlready({ overwrite }: TransferContext, plan: TransferPlan, crc32c: number): boolean {
  const { expected, found } = plan;
  return overwrite !== 'always' && found !== undefined && isSameContent(found, expected.sizeBytes, crc32c);
}

/**
 * What is under the name was read and found to have the source's bytes: it gets what another tool did not carry over, and the
 * source ETag that proves it from now on.
 * @throws DestinationError `DESTINATION_PRECONDITION_FAILED` where it is another object by now
 */
export async function adoptExisting(
  context: TransferContext,
  { name, expected, found }: TransferPlan,
  content: ObjectContent,
  signal: AbortSignal,
): Promise<void> {
  if (found === undefined) return;
  const properties = destinationProperties(content, expected.etag);
  await context.rates.writes.take(1, signal);
  await underWriteLimit(context, 0, signal, () =>
    context.destination.updateProperties(name, found.generation, properties, signal),
  );
}
