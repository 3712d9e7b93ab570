import type { FleetLimits } from '@object-transfer/core/runtime/fleet-limits';

/** What the settings of a worker say about the limits of all of them together. */
export function limitsOf(settings: {
  readonly maxBytesPerSecond: number | undefined;
  readonly writeRamp: boolean;
  readonly writeRampStartPerSecond: number;
  readonly writeRampDoublingMs: number;
}): FleetLimits {
  const { maxBytesPerSecond, writeRamp, writeRampStartPerSecond, writeRampDoublingMs } = settings;
  const ramp = { startPerSecond: writeRampStartPerSecond, doublingMs: writeRampDoublingMs };
  return { maxBytesPerSecond, writeRamp: writeRamp ? ramp : undefined };
}
