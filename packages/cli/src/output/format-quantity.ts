const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1.5 GiB`: three significant figures in the largest unit that leaves at least one before the point. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // As they will be written: 1023.7 KiB are 1.00 MiB.
  while (Math.round(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/** `12,345`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 subfolder`, `12,345 subfolders`. */
export function formatCountOf(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** `3d 04:05:06`, `04:05:06` or `05:06`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const clock = `${twoDigits(Math.floor(seconds / 60) % 60)}:${twoDigits(seconds % 60)}`;
  if (days > 0) return `${days}d ${twoDigits(hours)}:${clock}`;
  return hours > 0 ? `${twoDigits(hours)}:${clock}` : clock;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
