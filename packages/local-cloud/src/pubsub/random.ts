/** Numbers from 0 to 1 (exclusive) that only depend on the seed, by Marsaglia's xorshift over 32 bits (2003). */
export function createRandom(seed: number): () => number {
  // The generator stands still at 0.
  let state = seed | 0 || 0x9e3779b9 | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
