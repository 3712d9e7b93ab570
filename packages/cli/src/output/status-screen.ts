/** What fits on a terminal. One that does not tell its size says 0, or nothing. */
interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * Text that fills the screen of a terminal with these lines, in place of what is on it.
 * @param isFirst clears it before; later on that would flicker
 */
export function screenOf(lines: readonly string[], size: ScreenSize, isFirst: boolean): string {
  const columns = size.columns > 0 ? size.columns : 80;
  const rows = size.rows > 0 ? size.rows : 24;
  // The last row stays free, where a line end would scroll, and the last column, where a terminal holds on to wrap.
  const shown = lines.slice(0, rows - 1).map((line) => `${line.slice(0, columns - 1)}${CLEAR_REST_OF_LINE}`);
  return `${isFirst ? CLEAR : ''}${HOME}${shown.join('\n')}\n${CLEAR_BELOW}`;
}

const CLEAR = '\x1b[2J';
const HOME = '\x1b[H';
const CLEAR_REST_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
