import type { ObjectContent } from '@object-transfer/core/ports/object-source';
import type { TransferOutcome, TransferPlan } from './transfer-context.ts';

/** The outcome of a plan whose object has arrived and was verified. @param content of its GET, or of one of its ranges */
export function transferredOutcome(
  { expected, changed, route }: TransferPlan,
  content: ObjectContent,
): TransferOutcome {
  const { missingMetadataCount } = content;
  return { status: 'transferred', bytes: expected.sizeBytes, changed, route, missingMetadataCount };
}
