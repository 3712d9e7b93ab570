/**
 * Waits for what may never come, for so long at most.
 * @returns whether `pending` has ended by then, either way; how it ends is for others to see to
 */
export async function endsWithin(pending: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timeIsUp = Promise.withResolvers<false>();
  const timer = setTimeout(() => timeIsUp.resolve(false), timeoutMs);
  const ended = Promise.allSettled([pending]).then(() => true);
  try {
    return await Promise.race([ended, timeIsUp.promise]);
  } finally {
    clearTimeout(timer);
  }
}
