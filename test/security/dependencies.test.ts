import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

function read(...path: readonly string[]): unknown {
  return JSON.parse(readFileSync(join(REPOSITORY, ...path), 'utf8'));
}

const manifests = ['.', ...readdirSync(join(REPOSITORY, 'packages')).map((name) => join('packages', name))].map(
  (folder) => read(folder, 'package.json') as Manifest,
);
const { packages } = read('package-lock.json') as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && link !== true,
);

/** Packages that bring an install script, and what it does: nothing that anybody needs. */
const NEEDLESS_SCRIPTS: ReadonlySet<string> = new Set([
  // Warns of version schemes that protobufjs does not like in a package.json.
  'node_modules/protobufjs',
]);

describe('dependencies', () => {
  it.each(manifests)('of $name have exact versions', (manifest) => {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest;
    const all = { ...dependencies, ...devDependencies, ...optionalDependencies, ...peerDependencies };
    const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
  });

  it('are locked with the hash of what is installed, and come from no other place than the registry', () => {
    expect(installed.length).toBeGreaterThan(100);
    const unverified = installed.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true);
    expect(unverified.map(([path]) => path)).toEqual([]);
    const elsewhere = installed.filter(([, { resolved }]) => resolved !== undefined);
    expect(elsewhere.map(([path]) => path)).toEqual([]);
  });

  it('need no install script, and npm runs none', () => {
    const scripted = installed.filter(
      ([path, { hasInstallScript }]) => hasInstallScript === true && !NEEDLESS_SCRIPTS.has(path),
    );
    expect(scripted.map(([path]) => path)).toEqual([]);
    expect(readFileSync(join(REPOSITORY, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
    const lifecycle = manifests.flatMap(({ name, scripts = {} }) =>
      Object.keys(scripts)
        .filter((script) => /^(?:pre|post|prepare$|install$)/.test(script))
        .map((script) => `${name}: ${script}`),
    );
    expect(lifecycle).toEqual([]);
  });
});
