import { readdir, readFile, readlink } from 'node:fs/promises';

/** What everybody on the machine, or its user, can see of a process. @see https://man7.org/linux/man-pages/man5/proc.5.html */
export interface SeenProcess {
  readonly pid: number;
  /** Its arguments, separated by spaces. */
  readonly cmdline: string;
  /** Its environment at its start: one variable a line. */
  readonly environ: string;
}

/** A process and all that it has started and that run now. */
export async function processTree(pid: number): Promise<readonly SeenProcess[]> {
  const read = async (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8');
  const [cmdline, environ, children] = await Promise.all([
    read('cmdline'),
    read('environ'),
    read(`task/${pid}/children`),
  ]);
  const own = { pid, cmdline: cmdline.replaceAll('\0', ' '), environ: environ.replaceAll('\0', '\n') };
  const below = await Promise.all(
    children
      .trim()
      .split(' ')
      .filter(Boolean)
      .map((child) => processTree(Number(child))),
  );
  return [own, ...below.flat()];
}

/** What the file descriptors of a process stand for: paths, and `socket:[INODE]`. */
export async function openFilesOf(pid: number): Promise<readonly string[]> {
  const links = (await readdir(`/proc/${pid}/fd`)).map((fd) =>
    // Some are closed by now.
    readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''),
  );
  return Promise.all(links);
}
