import type { StateStore } from '@object-transfer/core/ports/state-store';
import type { DifferenceFormat } from './difference-formats.ts';
import { openErrorPages } from './open-error-pages.ts';

export interface ExportDifferencesOptions {
  readonly store: Pick<StateStore, 'listOpenObjectErrors'>;
  /** Subfolders, one after the other; `undefined` stands for all, in the order of the keys. */
  readonly dirKeys: readonly string[] | undefined;
  readonly format: DifferenceFormat;
  /** Resolves when the text is on its way, so that no more of it is kept. */
  readonly write: (text: string) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface ExportedDifferences {
  readonly written: number;
  /** What the format leaves out. */
  readonly leftOut: number;
}

/** Writes every open error, page by page. @throws what `write` throws; the reason of the signal */
export async function exportDifferences(options: ExportDifferencesOptions): Promise<ExportedDifferences> {
  const { store, dirKeys = [undefined], format, write, signal } = options;
  let written = 0;
  let leftOut = 0;
  if (format.header !== '') await write(format.header);
  for (const dirKey of dirKeys) {
    for await (const page of openErrorPages(store, { dirKey })) {
      signal.throwIfAborted();
      const lines = page.map((error) => format.encode(error)).filter((line) => line !== undefined);
      if (lines.length > 0) await write(lines.join(''));
      written += lines.length;
      leftOut += page.length - lines.length;
    }
  }
  return { written, leftOut };
}
