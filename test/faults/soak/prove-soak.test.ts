import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

describe('the defects that a soak must find', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const patches = fileURLToPath(new URL('defects/', import.meta.url));

  it('can still be made', async () => {
    const names = await readdir(patches);
    expect(names.length).toBe(3);
    for (const name of names)
      await promisify(execFile)('git', ['apply', '--check', `${patches}${name}`], { cwd: root });
  });
});
