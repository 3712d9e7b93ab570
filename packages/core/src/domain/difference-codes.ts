/** Codes of the open errors that a comparison of both sides leaves, by what is wrong with an object. */
export const DIFFERENCE_CODES = {
  /** At the source, not at the destination. */
  missing: 'CHECK_MISSING',
  /** On both sides, with different content. */
  different: 'CHECK_DIFFERENT',
  /** On both sides with the same size, and nothing that says whether the content is the same. */
  unproven: 'CHECK_UNPROVEN',
  /** At the destination only. */
  extra: 'CHECK_EXTRA',
} as const;

export type DifferenceKind = keyof typeof DIFFERENCE_CODES;

/** @returns `undefined` for the code of any other error */
export function differenceKindOf(code: string): DifferenceKind | undefined {
  return (Object.keys(DIFFERENCE_CODES) as DifferenceKind[]).find((kind) => DIFFERENCE_CODES[kind] === code);
}
