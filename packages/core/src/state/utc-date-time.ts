/** Milliseconds since 1970 as the DATETIME that the reference tool writes with `utcnow()`: `YYYY-MM-DD HH:MM:SS`. */
export function utcDateTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ');
}
