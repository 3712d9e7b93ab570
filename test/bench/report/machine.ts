import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** What the figures were measured on. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGib: number;
  readonly node: string;
  /** Of the clients that are installed, as they say it themselves. */
  readonly versions: Readonly<Record<string, string>>;
  readonly date: string;
}

const VERSION_COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['rclone', 'version'],
  ['gcloud', 'version'],
  ['aws', '--version'],
];

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    versions: Object.fromEntries(
      VERSION_COMMANDS.flatMap(([file, ...args]) => {
        const { stdout } = spawnSync(file, args, { encoding: 'utf8' });
        const [version] = /\d+\.\d+[\w.-]*/.exec(stdout ?? '') ?? [];
        return version === undefined ? [] : [[file, version]];
      }),
    ),
    date: new Date().toISOString().slice(0, 10),
  };
}
