/** Sizes as people write them: `500MiB`, `1.5 GB`, `800B`; a rate may say so: `500MiB/s`. */

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

const SIZE = /^(\d{1,12}(?:\.\d{1,6})?) ?([kmgt]i?b|b)(?:\/s)?$/i;

/** @returns whole bytes; `undefined` for what is no size with its unit: a bare number could be meant as bytes or as MiB */
export function parseByteSize(text: string): number | undefined {
  const [, number = '', unit = ''] = SIZE.exec(text.trim()) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  return factor === undefined ? undefined : Math.round(Number(number) * factor);
}
