import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The most that was seen at one time. */
export interface ProcessPeaks {
  /** Open file descriptors of one process. */
  readonly fds: number;
  /** Of these, sockets: connections and listeners, and the channel between two processes. */
  readonly sockets: number;
  /** Memory of one process, as the kernel keeps it (`VmHWM`): what comes and goes between two looks is in it. */
  readonly rssBytes: number;
  /** Memory of all processes together. */
  readonly treeRssBytes: number;
  /** Processes at a time, the watched one included. */
  readonly processes: number;
}

type Peaks = { -readonly [Name in keyof ProcessPeaks]: number };

const NOTHING: ProcessPeaks = { fds: 0, sockets: 0, rssBytes: 0, treeRssBytes: 0, processes: 0 };

/** A look costs about 0.2 ms for each process. */
const DEFAULT_EVERY_MS = 50;

/**
 * Looks again and again into `/proc` at what a process and all that it started have open and hold in memory. The watched processes
 * notice nothing of it. Disposing of it ends the watching; it keeps no process alive.
 */
export class ProcessWatch implements Disposable {
  readonly #pid: number;
  readonly #peaks: Peaks = { ...NOTHING };
  readonly #timer: NodeJS.Timeout;
  #looks = 0;

  /** @param everyMs between two looks; default 50 */
  constructor(pid: number, { everyMs = DEFAULT_EVERY_MS }: { readonly everyMs?: number } = {}) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.look(), everyMs).unref();
    this.look();
  }

  /** Until now. */
  get peaks(): ProcessPeaks {
    return { ...this.#peaks };
  }

  /** How often the process was found alive. */
  get looks(): number {
    return this.#looks;
  }

  /** What is used at this moment. It counts for the peaks, too. */
  look(): ProcessPeaks {
    const processes = processTree(this.#pid).map(usageOf);
    const now: Peaks = { ...NOTHING, processes: processes.length };
    for (const { fds, sockets, rssBytes, highWaterBytes } of processes) {
      now.fds = Math.max(now.fds, fds);
      now.sockets = Math.max(now.sockets, sockets);
      now.rssBytes = Math.max(now.rssBytes, rssBytes);
      now.treeRssBytes += rssBytes;
      this.#peaks.rssBytes = Math.max(this.#peaks.rssBytes, highWaterBytes);
    }
    for (const name of Object.keys(now) as (keyof Peaks)[]) {
      this.#peaks[name] = Math.max(this.#peaks[name], now[name]);
    }
    if (processes.length > 0) this.#looks += 1;
    return now;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

interface Usage {
  readonly fds: number;
  readonly sockets: number;
  readonly rssBytes: number;
  readonly highWaterBytes: number;
}

/** A process and all below it, as far as they are alive. */
function processTree(pid: number): readonly number[] {
  const tasks = list(`/proc/${pid}/task`);
  if (tasks.length === 0) return [];
  // Each thread has the children that it started itself.
  const children = tasks.flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean));
  return [pid, ...children.map(Number).flatMap(processTree)];
}

function usageOf(pid: number): Usage {
  const directory = `/proc/${pid}`;
  const targets = list(`${directory}/fd`).map((fd) => linkTarget(`${directory}/fd/${fd}`));
  const status = read(`${directory}/status`);
  return {
    fds: targets.length,
    // Which kind the tables of `/proc/net` would tell: to read those takes 10 ms.
    sockets: targets.filter((target) => target.startsWith('socket:')).length,
    rssBytes: kibibytes(status, 'VmRSS'),
    highWaterBytes: kibibytes(status, 'VmHWM'),
  };
}

function kibibytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}

const list = (path: string): readonly string[] => unlessGone(() => readdirSync(path), []);
const read = (path: string): string => unlessGone(() => readFileSync(path, 'utf8'), '');
const linkTarget = (path: string): string => unlessGone(() => readlinkSync(path), '');

/** A process may end, and close its files, between two looks at it. */
function unlessGone<T>(look: () => T, gone: T): T {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return gone;
    throw error;
  }
}
