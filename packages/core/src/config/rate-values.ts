import { z } from 'zod';
import { parseByteSize } from './byte-size.ts';

/** The word by which a limit is taken away. */
export const NO_LIMIT = 'none';

const MIN_BYTES_PER_SECOND = 1024;
const MAX_BYTES_PER_SECOND = 1024 ** 5;
export const MAX_WRITES_PER_SECOND = 1_000_000;

/** @returns bytes per second from 1 KiB to 1 PiB, `undefined` for anything else */
export function parseBandwidth(text: string): number | undefined {
  const bytes = parseByteSize(text);
  return bytes !== undefined && bytes >= MIN_BYTES_PER_SECOND && bytes <= MAX_BYTES_PER_SECOND ? bytes : undefined;
}

/** @returns a whole number from 1 to a million, `undefined` for anything else */
export function parseWritesPerSecond(text: string): number | undefined {
  const writes = /^\d{1,7}$/.test(text.trim()) ? Number(text) : 0;
  return writes >= 1 && writes <= MAX_WRITES_PER_SECOND ? writes : undefined;
}

export const BANDWIDTH_FORM = 'a size per second from 1KiB to 1024TiB with its unit, like 500MiB';

/** Bytes per second; `undefined` for {@link NO_LIMIT}. */
export const bandwidth: z.ZodType<number | undefined> = z
  .string({ error: `must be ${BANDWIDTH_FORM}, or ${NO_LIMIT}` })
  .transform((text, context) => {
    if (text.trim() === NO_LIMIT) return undefined;
    const bytesPerSecond = parseBandwidth(text);
    if (bytesPerSecond !== undefined) return bytesPerSecond;
    context.addIssue({ code: 'custom', message: `must be ${BANDWIDTH_FORM}, or ${NO_LIMIT}` });
    return z.NEVER;
  });
