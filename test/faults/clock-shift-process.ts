import { readFileSync } from 'node:fs';
import { CLOCK_FILE_VARIABLE } from './clock-shift.ts';

/*
 * Preloaded into the processes of the product, see `clock-shift.ts`: the clock of the machine, `Date`, is as far off as the file
 * says, from the moment on that it says so. The clock that nobody sets (`performance.now`, timers) goes on as it does.
 */

/** So long after the file was written everybody has seen it. */
const LOOK_EVERY_MS = 5;

const file = process.env[CLOCK_FILE_VARIABLE];
if (file === undefined) throw new Error(`${CLOCK_FILE_VARIABLE} is missing`);

const RealDate = Date;
let shiftMs = 0;
let lookedAt = Number.NEGATIVE_INFINITY;

function now(): number {
  if (performance.now() - lookedAt > LOOK_EVERY_MS) {
    shiftMs = Number(readFileSync(file ?? '', 'utf8'));
    lookedAt = performance.now();
  }
  return RealDate.now() + shiftMs;
}

globalThis.Date = new Proxy(RealDate, {
  construct: (date, args, newTarget): object => Reflect.construct(date, args.length === 0 ? [now()] : args, newTarget),
  get: (date, property) => (property === 'now' ? now : (Reflect.get(date, property) as unknown)),
});
