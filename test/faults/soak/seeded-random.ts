import { createHash } from 'node:crypto';
import { createRandom } from '@object-transfer/local-cloud/pubsub/random';

/** Numbers from 0 to 1 (exclusive) that depend on the seed and on what they are for, and on nothing else. */
export function randomFor(seed: number, ...purpose: readonly (string | number)[]): () => number {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...purpose]))
    .digest();
  return createRandom(digest.readInt32BE());
}

/** One of several, each as likely as its weight says. @throws Error where there is none */
export function pickWeighted<T extends { readonly weight: number }>(from: readonly T[], random: () => number): T {
  let left = random() * from.reduce((sum, { weight }) => sum + weight, 0);
  for (const one of from) {
    left -= one.weight;
    if (left < 0) return one;
  }
  const last = from.at(-1);
  if (last === undefined) throw new Error('nothing to pick from');
  return last;
}

/** @throws RangeError where there is none */
export function pick<T>(from: readonly T[], random: () => number): T {
  if (from.length === 0) throw new RangeError('nothing to pick from');
  return from[Math.floor(random() * from.length)] as T;
}
