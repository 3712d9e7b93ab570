import { appendFileSync, readFileSync } from 'node:fs';
import { MONITOR_FILE_VARIABLE, STALL_MS, type MonitorEnd, type MonitorStart, type Stall } from './limits-monitor.ts';

/*
 * Preloaded into the processes of the product, see `limits-monitor.ts`. It changes nothing about them: its timer keeps nobody alive,
 * an `uncaughtExceptionMonitor` is told and decides nothing, and the file is written at the start and in the `exit` event.
 */

const TICK_MS = 50;

const file = process.env[MONITOR_FILE_VARIABLE];
if (file === undefined) throw new Error(`${MONITOR_FILE_VARIABLE} is missing`);

const { pid, ppid } = process;
const startedAt = performance.now();
const uncaught: string[] = [];
const warnings: string[] = [];
const stalls: Stall[] = [];
let longestStallMs = 0;
let tickedAt = startedAt;
let scheduled = scheduledMs();

append({ pid, ppid, event: 'start', epochMs: performance.timeOrigin + startedAt, args: process.argv.slice(2) });

// With Node's default, a promise that is rejected and not handled is such an error, too.
process.on('uncaughtExceptionMonitor', (error, origin) => uncaught.push(`${origin}: ${error?.stack ?? String(error)}`));
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));
setInterval(tick, TICK_MS).unref();
process.on('exit', (exitCode) => {
  tick();
  append({ pid, event: 'end', exitCode, uncaught, warnings, stalls, longestStallMs });
});

/** What passed since the last turn of the event loop, without what this thread waited for a processor that others had. */
function tick(): void {
  const now = performance.now();
  const nowScheduled = scheduledMs();
  const stallMs = now - tickedAt - (nowScheduled.delayed - scheduled.delayed) - TICK_MS;
  if (stallMs > STALL_MS) {
    const busyMs = Math.round(nowScheduled.busy - scheduled.busy);
    stalls.push({ atMs: Math.round(tickedAt - startedAt), forMs: Math.round(stallMs), busyMs });
  }
  longestStallMs = Math.max(longestStallMs, Math.round(stallMs));
  tickedAt = now;
  scheduled = nowScheduled;
}

/** How long the main thread had the processor, and waited for it. @see https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
function scheduledMs(): { readonly busy: number; readonly delayed: number } {
  const [busy = 0, delayed = 0] = readFileSync('/proc/self/schedstat', 'utf8').split(' ').map(Number);
  return { busy: busy / 1e6, delayed: delayed / 1e6 };
}

/** One write of a short line: processes may share the file. */
function append(line: MonitorStart | MonitorEnd): void {
  appendFileSync(file ?? '', `${JSON.stringify(line)}\n`);
}
