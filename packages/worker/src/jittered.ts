/** Of an interval, up or down: workers that were started at once do not go on doing the same at once. */
const JITTER = 0.2;

/** An interval in milliseconds, up to a fifth shorter or longer. */
export function jittered(ms: number): number {
  return ms * (1 + JITTER * (2 * Math.random() - 1));
}
