import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { CheckCost } from './check-process.ts';
import type { CheckServers } from './check-servers-process.ts';

/** What a comparison of one folder costs, at two sizes: memory must not depend on the size. */
const SIZES = [10_000, 1_000_000];
const MAX_RSS_MIB = 256;

async function measure(objects: number): Promise<CheckCost> {
  const servers = start('check-servers-process.ts', String(objects));
  try {
    const { s3Url, gcsUrl } = await told<CheckServers>(servers);
    return await told<CheckCost>(start('check-process.ts', s3Url, gcsUrl));
  } finally {
    servers.kill('SIGKILL');
  }
}

function start(file: string, ...args: readonly string[]): ChildProcess {
  // As the command starts itself.
  return fork(join(import.meta.dirname, file), args, { execArgv: ['--max-semi-space-size=8'] });
}

/** @throws Error where the process ends without a word */
async function told<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the bench ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [T];
  return message;
}

console.log('      objects   objects/s   CPU us/object   peak RSS MiB');
let isWithin = true;
for (const size of SIZES) {
  const { objects, wallMs, cpuMs, maxRssMib } = await measure(size);
  if (objects !== size) throw new Error(`${objects} of ${size} objects were compared`);
  isWithin &&= maxRssMib <= MAX_RSS_MIB;
  const columns = [objects, Math.round(objects / (wallMs / 1000)), (cpuMs * 1000) / objects, maxRssMib];
  const [count = '', rate = '', cpu = '', rss = ''] = columns.map((value) => value.toFixed(value < 1000 ? 1 : 0));
  console.log(`${count.padStart(13)}${rate.padStart(12)}${cpu.padStart(16)}${rss.padStart(15)}`);
}
if (!isWithin) {
  console.error(`a comparison took more than ${MAX_RSS_MIB} MiB`);
  process.exitCode = 1;
}
