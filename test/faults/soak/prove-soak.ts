import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SoakReport } from './run-soak.ts';

/*
 * An audit that finds nothing proves something only if it would find something: each of the defects that the patches beside this
 * file put into a copy of the program must make the soak fail, and for the reason that is expected.
 */

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PATCHES = fileURLToPath(new URL('defects/', import.meta.url));
const SOAK = ['--objects', '300', '--faults', '150', '--seed', '1', '--json'];

/** What the audit must say, by the name of the patch. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  'ack-before-work': /^after the transfer: missing: /,
  'no-etag-check': /^bytes: ".*composed-\d+/,
  'unfenced-lease': /^missing: "folder-1\//,
};

/** A copy whose packages are its own; of other packages it has links. */
async function copyProgram(directory: string): Promise<void> {
  for (const part of ['package.json', 'packages', 'test']) {
    // The dependencies of one package alone are in its own folder: those are links, too.
    await cp(join(ROOT, part), join(directory, part), { recursive: true, verbatimSymlinks: true });
  }
  const modules = join(directory, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== '@object-transfer') await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
  const own = join('node_modules', '@object-transfer');
  await cp(join(ROOT, own), join(directory, own), { recursive: true, verbatimSymlinks: true });
}

/** @returns whether the soak failed as it should */
async function prove(patch: string): Promise<boolean> {
  const name = patch.replace(/\.patch$/, '');
  const directory = await mkdtemp(join(tmpdir(), 'object-transfer-defect-'));
  try {
    await copyProgram(directory);
    await promisify(execFile)('git', ['apply', join(PATCHES, patch)], { cwd: directory });
    const soak = spawn(process.execPath, ['test/faults/soak/soak.ts', ...SOAK], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [stdout, [exitCode]] = await Promise.all([text(soak.stdout), once(soak, 'exit')]);
    const { findings } = JSON.parse(stdout) as SoakReport;
    const found = findings.filter((finding) => EXPECTED[name]?.test(finding) === true);
    console.log(`${name}: exit code ${String(exitCode)}, ${findings.length} findings, ${found.length} as expected`);
    for (const finding of findings.slice(0, 5)) console.log(`  ${finding.slice(0, 200)}`);
    return exitCode === 1 && found.length > 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const only = process.argv[2];
for (const patch of (await readdir(PATCHES)).filter((name) => only === undefined || name.startsWith(only))) {
  if (await prove(patch)) continue;
  console.error(`error: the soak did not notice the defect of ${patch}`);
  process.exitCode = 1;
}
