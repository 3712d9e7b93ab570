/** What one line of a dump file says. */
export type LineReading =
  | { readonly kind: 'subfolder'; readonly dirKey: string }
  /** An object directly under the root, which the root's own row stands for. */
  | { readonly kind: 'object'; readonly name: string }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'wrong'; readonly problem: string };

export function wrong(problem: string): LineReading {
  return { kind: 'wrong', problem };
}
