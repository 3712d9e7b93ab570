import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryContent } from './directory-content.ts';

describe('the content of a directory', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'directory-content-'));
    await mkdir(path.join(root, 'in/a'), { recursive: true });
    await writeFile(path.join(root, 'outside'), 'secret');
  });

  afterEach(() => rm(root, { recursive: true }));

  const open = (keyPrefix?: string) => DirectoryContent.open({ path: path.join(root, 'in'), keyPrefix });
  const write = (name: string, text: string | Buffer) => writeFile(path.join(root, 'in', name), text);

  it('lists files by the bytes of their keys, and neither links nor names that are not UTF-8', async () => {
    for (const name of ['a/1', 'a.txt', '\u{1f600}', '\ue000', 'e\u0301', '\u00e9']) await write(name, name);
    await symlink(path.join(root, 'outside'), path.join(root, 'in/link'));
    await symlink(root, path.join(root, 'in/a/up'));
    await writeFile(Buffer.concat([Buffer.from(`${root}/in/`), Buffer.from([0xff])]), '');
    const keys: string[] = [];
    for (const cursor = (await open('p/')).cursor(''); cursor.key !== undefined; cursor.advance())
      keys.push(cursor.key);
    expect(keys).toEqual(['p/a.txt', 'p/a/1', 'p/e\u0301', 'p/\u00e9', 'p/\ue000', 'p/\u{1f600}']);
  });

  it('describes and reads files, small and large', async () => {
    await write('a.html', '<html>');
    const large = Buffer.alloc(1024 * 1024, 'abcdefg');
    await write('large', large);
    const content = await open();
    const small = await content.stat('a.html');
    expect(small).toMatchObject({ size: 6, attributes: { contentType: 'text/html' }, etag: md5('<html>') });
    expect(small?.open(1, 4)).toEqual(Buffer.from('html'));
    const object = await content.stat('large');
    expect(object?.etag).toBe(md5(large));
    const stream = object?.open(3, 500_000) as Readable;
    expect((await buffer(stream)).equals(large.subarray(3, 500_003))).toBe(true);
  });

  it('lets no key lead out of the directory', async () => {
    await write('a/1', 'x');
    const content = await open();
    for (const key of ['../outside', 'a/../../outside', '/etc/passwd', 'a/../a/1', 'a//1', './a/1', 'a', 'a/', '']) {
      expect(await content.stat(key)).toBeUndefined();
    }
  });

  it('does not follow a link that took the place of a file', async () => {
    await write('file', 'x');
    const content = await open();
    const object = await content.stat('file');
    await rm(path.join(root, 'in/file'));
    await symlink(path.join(root, 'outside'), path.join(root, 'in/file'));
    expect(() => object?.open(0, 1)).toThrow('ELOOP');
    expect(await content.stat('file')).toBeUndefined();
  });

  it('notices changed and vanished files at once, new ones after a scan', async () => {
    await write('a/1', 'one');
    const content = await open();
    expect((await content.stat('a/1'))?.etag).toBe(md5('one'));
    await write('a/1', 'two');
    await utimes(path.join(root, 'in/a/1'), 1_700_000_000, 1_700_000_000);
    expect(await content.stat('a/1')).toMatchObject({ etag: md5('two'), lastModifiedMs: 1_700_000_000_000 });
    await write('b', 'x');
    expect(await content.stat('b')).toBeUndefined();
    await rm(path.join(root, 'in/a'), { recursive: true });
    expect(await content.stat('a/1')).toBeUndefined();
    await content.rescan();
    expect(content.cursor('').key).toBe('b');
  });
});

function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}
