import { field } from './field.ts';
import { bandwidth, MAX_WRITES_PER_SECOND, NO_LIMIT } from './rate-values.ts';
import { flag, integer } from './value-schemas.ts';

const MINUTE_MS = 60_000;

/** What all workers together may do, which share it. */
export const LIMIT_FIELDS = {
  maxBytesPerSecond: field({
    name: 'max_bandwidth',
    description: 'bytes that all workers together move per second, at most, such as 500MiB; none for no limit',
    valueName: 'size',
    schema: bandwidth,
    default: NO_LIMIT,
  }),
  writeRamp: field({
    name: 'write_ramp',
    description: 'let the writes of all workers together begin at write_ramp_start and double again and again',
    valueName: 'true|false',
    schema: flag,
    default: false,
  }),
  writeRampStartPerSecond: field({
    name: 'write_ramp_start',
    description: 'objects that all workers together write per second when the ramp begins',
    valueName: 'n',
    schema: integer(1, MAX_WRITES_PER_SECOND),
    default: 1000,
  }),
  writeRampDoublingMs: field({
    name: 'write_ramp_doubling_minutes',
    description: 'time in which the ramp doubles, in minutes; GCS asks for at least 20',
    valueName: 'minutes',
    schema: integer(1, 1440).transform((minutes) => minutes * MINUTE_MS),
    default: 20,
  }),
};
