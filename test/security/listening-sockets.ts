import { readFile } from 'node:fs/promises';
import type { RunningCommand } from '../e2e/command.ts';
import { openFilesOf, processTree } from './processes.ts';

const LISTENING = '0A';

/**
 * Addresses at which a command and all that it has started listen now, as the kernel writes them: in hexadecimal, the lowest
 * byte first.
 * @see https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
 */
export async function listeningAddresses(command: RunningCommand): Promise<readonly string[]> {
  const processes = await processTree(command.pid);
  const files = (await Promise.all(processes.map(({ pid }) => openFilesOf(pid)))).flat();
  const inodes = new Set(files.map((file) => /^socket:\[(\d+)\]$/.exec(file)?.[1]));
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')));
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(1)).map((row) => row.trim().split(/\s+/));
  return rows
    .filter(([, , , state, , , , , , inode]) => state === LISTENING && inodes.has(inode))
    .map(([, address = '']) => address.split(':')[0] ?? '');
}
