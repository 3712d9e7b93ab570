import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { send, type Answer } from './gcs-requests.ts';

const BUCKET = 'rehearsal';
let stops: AsyncDisposableStack | undefined;

afterEach(async () => {
  await stops?.disposeAsync();
  stops = undefined;
});

async function start(where: string): Promise<GcsServer> {
  const opened = (stops = new AsyncDisposableStack());
  let directory: string | undefined;
  if (where === 'in a directory') {
    directory = await mkdtemp(join(tmpdir(), 'gcs-'));
    opened.adopt(directory, (path) => rm(path, { recursive: true }));
  }
  return opened.adopt(await startGcsServer({ buckets: [BUCKET], directory }), (server) => server.close());
}

/** The parameter that continues a rewrite. */
function goOn(answered: Answer): string {
  return `&rewriteToken=${String(answered.body.rewriteToken)}`;
}

/** What GCS says of parts whose classes are not that of the destination. */
function composeRefusal(storageClass: string, sources: string) {
  const message = `Cannot compose object with destination storage class ${storageClass} from source components that have different storage classes (${sources})`;
  return { error: { code: 400, message, errors: [{ reason: 'invalid' }] } };
}

/** Both ways of keeping objects must behave alike. */
describe.each(['in memory', 'in a directory'])('objects kept %s', (where) => {
  const open = (): Promise<GcsServer> => start(where);

  it('are composed of up to 32 parts, which may be deleted afterwards', async () => {
    const server = await open();
    const names = Array.from({ length: 32 }, (_, index) => `part-${index}`);
    for (const name of names) server.objects.put(BUCKET, name, `${name};`.repeat(1_000));
    const expected = names.map((name) => `${name};`.repeat(1_000)).join('');
    const whole = server.objects.put(BUCKET, 'reference', expected);
    const compose = (sourceObjects: unknown, query = '') =>
      send(server, 'POST', `${BUCKET}/o/whole/compose${query}`, {
        sourceObjects,
        destination: { contentType: 'a/b', metadata: { k: 'v' } },
      });
    const composed = await compose(
      names.map((name) => ({ name })),
      '?ifGenerationMatch=0',
    );
    expect(composed.body).toMatchObject({
      crc32c: whole.crc32c,
      size: whole.size,
      componentCount: 32,
      contentType: 'a/b',
      metadata: { k: 'v' },
    });
    expect(composed.body).not.toHaveProperty('md5Hash');
    for (const name of names) expect((await send(server, 'DELETE', `${BUCKET}/o/${name}`)).status).toBe(204);
    expect((await server.objects.object(BUCKET, 'whole'))?.bytes.toString()).toBe(expected);

    const { generation } = server.objects.put(BUCKET, 'p', 'x');
    const twice = await compose([
      { name: 'whole' },
      { name: 'p', objectPreconditions: { ifGenerationMatch: generation } },
    ]);
    expect(twice.body).toMatchObject({ componentCount: 33 });
    expect((await compose([{ name: 'p', objectPreconditions: { ifGenerationMatch: '1' } }])).status).toBe(412);
    expect((await compose([{ name: 'p', generation: '1' }])).status).toBe(404);
    expect((await compose([{ name: 'missing' }])).status).toBe(404);
    expect((await compose(Array.from({ length: 33 }, () => ({ name: 'p' })))).status).toBe(400);
    expect((await compose([])).status).toBe(400);
    expect((await compose([{ name: 'p' }], '?ifGenerationMatch=0')).status).toBe(412);
  });

  it('are copied with their settings, or with new ones', async () => {
    const server = await open();
    const source = server.objects.put(BUCKET, 'a/b', 'bytes', { contentType: 'a/b', metadata: { k: 'v' } });
    const rewritten = await send(server, 'POST', `${BUCKET}/o/a%2Fb/rewriteTo/b/${BUCKET}/o/c%2Fd`);
    expect(rewritten.body).toMatchObject({
      done: true,
      objectSize: '5',
      resource: {
        name: 'c/d',
        contentType: 'a/b',
        metadata: { k: 'v' },
        md5Hash: source.md5Hash,
        crc32c: source.crc32c,
      },
    });
    const copied = await send(server, 'POST', `${BUCKET}/o/a%2Fb/copyTo/b/${BUCKET}/o/e`, { contentLanguage: 'de' });
    expect(copied.body).toMatchObject({ name: 'e', contentType: 'a/b', contentLanguage: 'de' });
    expect(copied.body).not.toHaveProperty('metadata');
    const stale = await send(server, 'POST', `${BUCKET}/o/a%2Fb/rewriteTo/b/${BUCKET}/o/f?ifSourceGenerationMatch=1`);
    expect(stale.status).toBe(412);
    server.objects.remove(BUCKET, 'a/b');
    expect((await server.objects.object(BUCKET, 'c/d'))?.bytes.toString()).toBe('bytes');
  });

  it('are composed within one storage class only', async () => {
    const server = await open();
    server.objects.put(BUCKET, 'warm', 'w');
    server.objects.put(BUCKET, 'cold', 'c', { storageClass: 'COLDLINE' });
    const compose = (names: readonly string[], destination?: unknown) =>
      send(server, 'POST', `${BUCKET}/o/whole/compose`, {
        sourceObjects: names.map((name) => ({ name })),
        destination,
      });
    const cold = { storageClass: 'COLDLINE' };
    expect((await compose(['warm', 'warm'], cold)).body).toMatchObject(composeRefusal('COLDLINE', 'STANDARD'));
    expect((await compose(['cold', 'warm'], cold)).body).toMatchObject(
      composeRefusal('COLDLINE', 'COLDLINE, STANDARD'),
    );
    expect((await compose(['cold'])).body).toMatchObject(composeRefusal('STANDARD', 'COLDLINE'));
    expect((await compose(['cold', 'cold'], cold)).body).toMatchObject(cold);
    expect((await compose(['warm', 'warm'])).body).toMatchObject({ storageClass: 'STANDARD' });
    await send(server, 'PATCH', BUCKET, { storageClass: 'NEARLINE' });
    expect((await compose(['warm'])).body).toMatchObject(composeRefusal('NEARLINE', 'STANDARD'));
    expect((await compose(['warm'], { storageClass: 'STANDARD' })).body).toMatchObject({ storageClass: 'STANDARD' });
  });

  it('are rewritten in several calls where the storage class changes', async () => {
    const server = await open();
    const bytes = Buffer.alloc(2_500_000, 'abc');
    const { crc32c } = server.objects.put(BUCKET, 'x', bytes);
    const rewrite = (query: string, name = 'y', storageClass = 'COLDLINE') =>
      send(server, 'POST', `${BUCKET}/o/x/rewriteTo/b/${BUCKET}/o/${name}?maxBytesRewrittenPerCall=1048576${query}`, {
        storageClass,
        contentType: 'a/b',
      });
    const first = await rewrite('&ifGenerationMatch=0');
    expect(first.body).toEqual({
      kind: 'storage#rewriteResponse',
      totalBytesRewritten: '1048576',
      objectSize: '2500000',
      done: false,
      rewriteToken: expect.any(String),
    });
    const second = await rewrite(`${goOn(first)}&ifGenerationMatch=0`);
    expect(second.body).toMatchObject({ totalBytesRewritten: '2097152', done: false });
    expect(server.objects.resource(BUCKET, 'y')).toBeUndefined();
    const third = await rewrite(`${goOn(second)}&ifGenerationMatch=0`);
    expect(third.body).toMatchObject({
      totalBytesRewritten: '2500000',
      done: true,
      resource: { name: 'y', storageClass: 'COLDLINE', contentType: 'a/b', crc32c },
    });
    expect((await server.objects.object(BUCKET, 'y'))?.bytes.equals(bytes)).toBe(true);

    expect((await rewrite(`${goOn(second)}&ifGenerationMatch=0`)).status).toBe(412);
    for (const refused of [
      rewrite(goOn(first), 'z'),
      rewrite(goOn(first), 'y', 'ARCHIVE'),
      rewrite('&rewriteToken=x'),
    ]) {
      expect((await refused).body).toMatchObject({ error: { code: 400, message: 'Invalid rewriteToken.' } });
    }
    expect((await rewrite('', 'same', 'STANDARD')).body).toMatchObject({ done: true });
    server.objects.put(BUCKET, 'x', 'replaced');
    expect((await rewrite(goOn(first))).status).toBe(404);
  });

  it('are rewritten from the generation named, into the class of the bucket where none is named', async () => {
    const server = await open();
    await send(server, 'PATCH', BUCKET, { storageClass: 'NEARLINE' });
    const parts = ['a', 'b'].map((name) => server.objects.put(BUCKET, name, name, { storageClass: 'STANDARD' }));
    await send(server, 'POST', `${BUCKET}/o/x/compose`, {
      sourceObjects: parts.map(({ name }) => ({ name })),
      destination: { storageClass: 'STANDARD' },
    });
    const generation = server.objects.resource(BUCKET, 'x')?.generation;
    const rewrite = (query: string) =>
      send(server, 'POST', `${BUCKET}/o/x/rewriteTo/b/${BUCKET}/o/y${query}`, { contentType: 'a/b', metadata: {} });
    expect((await rewrite('?sourceGeneration=1')).status).toBe(404);
    expect((await rewrite('?maxBytesRewrittenPerCall=1000')).status).toBe(400);
    expect((await rewrite(`?sourceGeneration=${generation}&ifSourceGenerationMatch=${generation}`)).body).toMatchObject(
      {
        done: true,
        resource: { storageClass: 'NEARLINE', componentCount: 1 },
      },
    );
  });
});
