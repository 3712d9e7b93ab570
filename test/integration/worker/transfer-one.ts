import { expect } from 'vitest';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import type { TransferContext, TransferOutcome } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { never, type Clouds } from '../../fixtures/clouds.ts';

/** Transfers one object, with what is known of the destination. */
export function transferOne(
  clouds: Clouds,
  request: { readonly key: string; readonly expected?: ExpectedObject | undefined },
  overrides: Partial<TransferContext> = {},
  found: readonly DestinationObject[] = [],
): Promise<TransferOutcome> {
  const known = new Map(found.map((object) => [object.name, object]));
  const wanted = { key: request.key, expected: request.expected };
  return transferObject(clouds.transferContext(overrides), wanted, known, never);
}

export function transferred(bytes: number, more: Partial<TransferOutcome> = {}): TransferOutcome {
  return {
    status: 'transferred',
    bytes,
    changed: false,
    route: 'cdn',
    missingMetadataCount: 0,
    ...more,
  } as TransferOutcome;
}

export function failedWith(code: string): unknown {
  return { status: 'failed', error: expect.objectContaining({ code }) as unknown };
}
