import { createVerify, generateKeyPairSync } from 'node:crypto';
import type { ObjectReader } from '@object-transfer/core/ports/object-source';
import { createCdnObjectReader, type CdnReaderSettings } from '@object-transfer/core/storage/cdn-object-reader';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { answer, s3Error, startScriptedServer } from './scripted-server.ts';

const never = new AbortController().signal;
const REFUSED = answer(403, {}, '<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>');
const OK = answer(200);
const HOUR_MS = 3_600_000;

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

let server: Awaited<ReturnType<typeof startScriptedServer>>;
let reader: ObjectReader | undefined;
let nowMs = Date.UTC(2030, 0, 1);
beforeAll(async () => {
  server = await startScriptedServer();
});
afterEach(async () => {
  await reader?.close();
});
afterAll(() => server.close());

function openReader(more: Partial<CdnReaderSettings> = {}): ObjectReader {
  reader = createCdnObjectReader({
    urlHostPre: `${server.url}/photos/`,
    signing: {
      kind: 'signed',
      keyPairId: 'K2JCJMDEHXQW5F',
      privateKey,
      privateKeyOrigin: 'the test',
      lifetimeMs: HOUR_MS,
    },
    now: () => nowMs,
    ...more,
  });
  return reader;
}

async function read(from: ObjectReader, key: string, bypassCache = false): Promise<void> {
  (await from.read({ key, bypassCache, signal: never })).cancel();
}

/** The query of the request with this number, as CloudFront takes it apart. */
function queryOf(index: number): URLSearchParams {
  const { target } = server.requests[index] ?? { target: '' };
  return new URLSearchParams(target.slice(target.indexOf('?') + 1));
}

function unescape64(text: string | null): Buffer {
  const standard = (text ?? '').replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/');
  return Buffer.from(standard, 'base64');
}

describe('a signed URL', () => {
  test('carries a policy for the whole prefix and its signature', async () => {
    server.script(OK);
    await read(openReader(), 'é +.jpg');
    const query = queryOf(0);
    const policy = unescape64(query.get('Policy'));
    expect(policy.toString()).toBe(
      `{"Statement":[{"Resource":"${server.url}/photos/*","Condition":{"DateLessThan":{"AWS:EpochTime":${nowMs / 1000 + 3600}}}}]}`,
    );
    const signature = unescape64(query.get('Signature'));
    expect(createVerify('RSA-SHA1').update(policy).verify(keys.publicKey, signature)).toBe(true);
    expect(query.get('Key-Pair-Id')).toBe('K2JCJMDEHXQW5F');
    expect(server.requests[0]?.target.split('?')[0]).toBe('/photos/%C3%A9%20%2B.jpg');
  });

  test('is the same for every object until it is renewed, at four fifths of its life', async () => {
    const signed = openReader();
    server.script(OK);
    await read(signed, 'a');
    nowMs += 0.79 * HOUR_MS;
    await read(signed, 'b');
    nowMs += 0.02 * HOUR_MS;
    await read(signed, 'c');
    await read(signed, 'd');
    const policies = [0, 1, 2, 3].map((index) => queryOf(index).get('Policy'));
    expect(policies[1]).toBe(policies[0]);
    expect(policies[2]).not.toBe(policies[0]);
    expect(policies[3]).toBe(policies[2]);
  });

  test('is renewed once when an old one is refused', async () => {
    const signed = openReader();
    nowMs += 0.5 * HOUR_MS;
    server.script(REFUSED, OK);
    await read(signed, 'a');
    expect(queryOf(1).get('Policy')).not.toBe(queryOf(0).get('Policy'));

    server.script(REFUSED);
    await expect(read(signed, 'a')).rejects.toMatchObject({ code: 'SOURCE_SIGNATURE_REJECTED' });
    expect(server.requests).toHaveLength(1);
  });

  test('is renewed once for all whose old one is refused', async () => {
    const signed = openReader();
    nowMs += 0.5 * HOUR_MS;
    server.script((response, request) => {
      const { target } = server.requests[0] ?? { target: '' };
      const isOld = request.url?.split('?')[1] === target.split('?')[1];
      (isOld ? REFUSED : OK)(response, request);
    });
    await Promise.all([read(signed, 'a'), read(signed, 'b'), read(signed, 'c')]);
    const policies = server.requests.map((_, index) => queryOf(index).get('Policy'));
    expect(policies).toHaveLength(6);
    expect(new Set(policies).size).toBe(2);
  });

  test('is not renewed for a refusal that it is not to blame for', async () => {
    const signed = openReader();
    nowMs += 0.5 * HOUR_MS;
    server.script(s3Error(403, 'AccessDenied'));
    await expect(read(signed, 'a')).rejects.toMatchObject({ code: 'SOURCE_FORBIDDEN' });
    expect(server.requests).toHaveLength(1);
  });

  test('never shows up in an error', async () => {
    server.script(answer(500));
    const error: unknown = await read(openReader(), 'a').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ source: `${server.url}/photos/a` });
    expect(JSON.stringify(error) + String(error)).not.toMatch(/Policy|Signature=|Key-Pair/);
  });

  test('that is longer than CloudFront takes is refused before it is sent', async () => {
    server.script(OK);
    const long = openReader({ urlHostPre: `${server.url}/${'p'.repeat(8100)}/`, signing: { kind: 'none' } });
    await expect(read(long, 'k'.repeat(100))).rejects.toMatchObject({ code: 'SOURCE_REJECTED', retryable: false });
    expect(server.requests).toHaveLength(0);
  });
});

describe('reading past the cache', () => {
  test('asks by a query that no other request has', async () => {
    const unsigned = openReader({ signing: { kind: 'none' } });
    server.script(OK);
    await read(unsigned, 'a', true);
    await read(unsigned, 'a', true);
    await read(unsigned, 'a');
    const [first, second, third] = server.requests.map((request) => request.target);
    expect(first).not.toBe(second);
    expect(third).toBe('/photos/a');
  });
});

test('parts of the key are replaced in the URL', async () => {
  server.script(OK);
  await read(openReader({ signing: { kind: 'none' }, replaceKeyParts: { 'old name': 'new name' } }), 'x/old name/y');
  expect(server.requests[0]?.target).toBe('/photos/x/new%20name/y');
});

describe('a key that cannot sign for CloudFront', () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['no PEM', 'hunter2 is my password'],
    ['a public key', keys.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    [
      'another curve',
      generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
        .privateKey.export({ type: 'sec1', format: 'pem' })
        .toString(),
    ],
  ];
  test.each(wrong)('is refused before anything starts: %s', (_, text) => {
    const open = () =>
      createCdnObjectReader({
        urlHostPre: 'https://cdn.example/',
        signing: {
          kind: 'signed',
          keyPairId: 'K1',
          privateKey: text,
          privateKeyOrigin: 'the file key.pem',
          lifetimeMs: HOUR_MS,
        },
      });
    expect(open).toThrow(expect.objectContaining({ code: 'CONFIG_KEY_UNREADABLE' }));
    expect(open).toThrow(/the file key\.pem/);
    expect(open).not.toThrow(/hunter2|BEGIN/);
  });
});
