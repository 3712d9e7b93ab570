import type { IncomingMessage } from 'node:http';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clouds, never } from '../fixtures/clouds.ts';
import { head, startRawServer, type RawServer } from '../integration/storage/raw-server.ts';
import { answer, startScriptedServer } from '../integration/storage/scripted-server.ts';
import { failedWith, transferOne } from '../integration/worker/transfer-one.ts';
import { LINE_BREAK_PAYLOADS, PATH_PAYLOADS, PAYLOADS } from './payloads.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

/** An entity of an entity, nine times over: 3.5 billion texts. */
function billionLaughs(): string {
  const entities = ['<!ENTITY lol0 "lol">'];
  for (let level = 1; level < 10; level++) {
    entities.push(`<!ENTITY lol${level} "${`&lol${level - 1};`.repeat(10)}">`);
  }
  return `<!DOCTYPE ListBucketResult [${entities.join('')}<!ENTITY file SYSTEM "file:///etc/passwd">]>`;
}

/** @param prolog what comes before the listing of one object */
async function listed(prolog: string, key: string): Promise<readonly string[]> {
  const server = await startScriptedServer();
  const place = { bucket: 'b', region: 'us-east-1', endpointUrl: server.url };
  const connection = createS3Connection({ ...place, credentials: 'anonymous' });
  cleanUp.push(
    () => server.close(),
    () => connection.close(),
  );
  const object = `<Contents><Key>${key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag><Size>1</Size></Contents>`;
  const page = `<?xml version="1.0"?>${prolog}<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${object}</ListBucketResult>`;
  server.script(answer(200, { 'content-type': 'application/xml' }, page));
  const lister = createS3ObjectLister(connection, { retryPolicy: { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1 } });
  const keys: string[] = [];
  for await (const { objects } of lister.listObjects({ prefix: '', signal: never })) {
    keys.push(...objects.map((listing) => listing.key));
  }
  return keys;
}

describe('a LIST answer', () => {
  it('that declares entities is refused', async () => {
    await expect(listed(billionLaughs(), '&lol9;')).rejects.toMatchObject({ code: 'SOURCE_LISTING_INVALID' });
  });

  it('has no entities but those of XML itself', async () => {
    expect(await listed('', '&lol9;&file;&amp;lol9;')).toEqual(['&lol9;&file;&lol9;']);
  });
});

describe('what a CDN says of an object', () => {
  let clouds: Clouds;
  let server: RawServer;
  let lines: readonly string[];
  const targets: string[] = [];
  const received: IncomingMessage[] = [];
  beforeEach(async () => {
    clouds = await Clouds.start();
    targets.length = 0;
    received.length = 0;
    server = await startRawServer(async (peer) => {
      for (;;) {
        const [requestLine = ''] = (await peer.request()).split('\r\n');
        targets.push(requestLine);
        await peer.write(`${head('HTTP/1.1 200 OK', 'Content-Length: 1', 'ETag: "e-1"', ...lines)}x`);
      }
    });
    clouds.break('gcs', (request) => {
      received.push(request);
      return false;
    });
    cleanUp.push(
      () => clouds.close(),
      () => server.close(),
    );
  });

  async function transferred(key: string, overrides = {}): Promise<unknown> {
    const cdn = createCdnObjectReader({ urlHostPre: `${server.url}/`, signing: { kind: 'none' } });
    const expected = { key, sizeBytes: 1, etag: 'e-1' };
    const retryPolicy = { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1 };
    const outcome = await transferOne(clouds, { key, expected }, { cdn, direct: undefined, retryPolicy, ...overrides });
    await cdn.close();
    return outcome;
  }

  it.each([
    ['in one request', {}],
    ['in a session', { streamFromBytes: 0, sessionFromBytes: 0 }],
  ])('stays a value of the object, and becomes no header of the upload %s', async (_, overrides) => {
    lines = [
      'Content-Type: text/html"; x=y',
      'Content-Disposition: attachment; filename="=?UTF-8?Q?=0D=0AX-Injected:_yes?="',
      'x-amz-meta-lines: =?UTF-8?Q?a=0D=0AX-Injected:_yes=0D=0A=0D=0AGET_/_HTTP/1.1?=',
      'x-amz-meta-__proto__: polluted',
      'x-amz-meta-constructor: built',
      'x-amz-meta-json: "},"acl":[{"entity":"allUsers"}],"x":{"',
      'x-amz-meta-boundary: --object-transfer',
    ];
    expect(await transferred('rich', overrides)).toMatchObject({ status: 'transferred' });
    const stored = await clouds.arrived('rich');
    expect(stored?.bytes.toString()).toBe('x');
    const resource = clouds.gcs.objects.resource('destination', 'rich') as unknown as Readonly<Record<string, unknown>>;
    const metadata = new Map(Object.entries(resource['metadata'] as Readonly<Record<string, string>>));
    expect(metadata.get('lines')).toBe('a\r\nX-Injected: yes\r\n\r\nGET / HTTP/1.1');
    expect(metadata.get('__proto__')).toBe('polluted');
    expect(metadata.get('constructor')).toBe('built');
    expect(metadata.get('json')).toBe('"},"acl":[{"entity":"allUsers"}],"x":{"');
    expect(resource).not.toHaveProperty('acl');
    expect({}).not.toHaveProperty('polluted');
    expect(received.length).toBeGreaterThan(0);
    for (const request of received) {
      expect(request.headers).not.toHaveProperty('x-injected');
      expect(request.url).toMatch(/^\/(?:upload\/)?storage\/v1\//);
    }
  });

  it.each([
    ['a carriage return in a value', 'Content-Type: text/html\rX-Injected: yes'],
    ['a header that is continued on the next line', 'Content-Type: text/html\r\n X-Injected: yes'],
    ['a name with a space', 'X Injected: yes'],
    ['two lengths', 'Content-Length: 5'],
    ['a length and chunks', 'Transfer-Encoding: chunked'],
  ])('is not believed where it has %s', async (_, line) => {
    lines = [line];
    for (const overrides of [{}, { streamFromBytes: 0, sessionFromBytes: 0 }]) {
      expect(await transferred('odd', overrides)).toMatchObject(failedWith('SOURCE_CONNECTION') as object);
    }
    expect(clouds.gcs.objects.names('destination')).toEqual([]);
  });

  it('is asked in one request for each key, whatever the key holds', async () => {
    lines = [];
    const keys = [...PAYLOADS, ...PATH_PAYLOADS, ...LINE_BREAK_PAYLOADS, 'a\0b'];
    for (const key of keys) await transferred(key, { namePolicy: 'rename' });
    expect(targets).toHaveLength(keys.length);
    for (const [index, target] of targets.entries()) {
      expect(target).toMatch(/^GET \/[!-~]* HTTP\/1\.1$/);
      const path = target.slice('GET /'.length, -' HTTP/1.1'.length);
      expect(path).not.toMatch(/[?#]/);
      expect(decodeURIComponent(path)).toBe(keys[index]);
    }
  });
});
