/** Milliseconds since 1970 as the DATETIME that the reference tool writes with `utcnow()`: `YYYY-MM-DD HH:MM:SS`. */
export function utcDateTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** The reverse. What is written by hand, or is a zero date, may be no time at all: `undefined`. */
export function fromUtcDateTime(text: string | null): Date | undefined {
  if (text === null) return undefined;
  const time = new Date(`${text.slice(0, 19).replace(' ', 'T')}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
