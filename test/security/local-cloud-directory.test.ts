import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startS3Server, type S3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SECRET = 'content from outside of the directory';

let folder: string;
let served: string;
let server: S3Server;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-cloud-directory-'));
  served = join(folder, 'served');
  await mkdir(join(served, 'sub'), { recursive: true });
  await mkdir(join(folder, 'outside'));
  await writeFile(join(folder, 'outside', 'file'), SECRET);
  await writeFile(join(folder, 'secret'), SECRET);
  await writeFile(join(served, 'sub', 'file'), 'inside');
  await symlink(join(folder, 'secret'), join(served, 'link'));
  await symlink(join(folder, 'outside'), join(served, 'linked'));
  await symlink(folder, join(served, 'sub', 'up'));
  server = await startS3Server({ buckets: { source: { directories: [{ path: served }] } } });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** The whole answer to a request whose target no client has touched. */
async function get(target: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

describe('the S3 of a directory', () => {
  it('serves what is in it', async () => {
    expect(await get('/source/sub/file')).toMatch(/^HTTP\/1\.1 200 [^]*inside$/);
  });

  it.each([
    '/source/../secret',
    '/source/..%2fsecret',
    '/source/..%2Fsecret',
    '/source/%2e%2e/secret',
    '/source/%2e%2e%2fsecret',
    '/source/sub/../../secret',
    '/source/sub/..%2f..%2fsecret',
    '/source/..%5csecret',
    '/source/..%252fsecret',
    '/source/%c0%ae%c0%ae/secret',
    '/source/link',
    '/source/linked/file',
    '/source/sub/up/secret',
    '/source//proc/self/environ',
    '/source/%2fproc%2fself%2fenviron',
    '/source/sub/file%00',
    '/source/%00/../secret',
    '/source/sub/file/../../../secret',
    '/../secret',
    '/..%2fsecret',
  ])('serves nothing outside of it for %s', async (target) => {
    const answer = await get(target);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toMatch(/content from outside|PATH=/);
  });

  it('lists nothing outside of it, whatever the prefix', async () => {
    for (const query of ['', '&prefix=../', '&prefix=%2e%2e%2f', '&prefix=/', '&prefix=linked/', '&delimiter=/']) {
      const listing = await get(`/source?list-type=2${query}`);
      expect(listing).toMatch(/^HTTP\/1\.1 200 /);
      expect(['', '<Key>sub/file']).toContain(listing.match(/<Key>[^<]*/g)?.join() ?? '');
    }
  });

  it('serves nothing through a link that took the place of one of its folders', async () => {
    await rename(join(served, 'sub'), join(folder, 'moved'));
    await symlink(join(folder, 'outside'), join(served, 'sub'));
    const answer = await get('/source/sub/file');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).not.toContain(SECRET);
  });
});
