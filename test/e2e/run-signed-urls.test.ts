import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { Rehearsal, type RunResult } from './rehearsal.ts';
import { putNumberedObjects } from './source-objects.ts';

const KEY_ID = 'KTESTKEY';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

interface Signing {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly keyId?: string;
  /** The distribution's clock, ahead of this one by so much. */
  readonly clockAheadMs?: number;
}

function pemOf(key: KeyObject): string {
  const text = key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' });
  return text.toString();
}

/** Runs a small migration through a distribution that answers nothing but signed URLs. */
async function runSigned(
  signing: Signing,
  check: (rehearsal: Rehearsal, run: (...flags: readonly string[]) => Promise<RunResult>) => Promise<void>,
): Promise<void> {
  const { clockAheadMs = 0, keyId = KEY_ID } = signing;
  await using rehearsal = await Rehearsal.start({
    distribution: { publicKeys: { [KEY_ID]: pemOf(signing.publicKey) }, now: () => Date.now() + clockAheadMs },
  });
  await writeFile(rehearsal.path('key.pem'), pemOf(signing.privateKey));
  const signingFlags = ['--url-signer-private-key-file', 'key.pem', '--url-signer-key-pair-id', keyId];
  await check(rehearsal, (...flags) => rehearsal.run(...signingFlags, ...flags));
}

/** No part of the key, and nothing that would open an object, may be in what a command says. */
function expectNoSecret({ stdout, stderr, report }: RunResult, privateKey: KeyObject): void {
  const said = stdout + stderr + JSON.stringify(report);
  const [, ...pemLines] = pemOf(privateKey).trim().split('\n').slice(0, -1);
  expect(pemLines.length).toBeGreaterThan(0);
  for (const line of pemLines) expect(said).not.toContain(line);
  expect(said).not.toMatch(/Signature=|Policy=|PRIVATE KEY/);
}

describe('run through a CDN that demands signed URLs', () => {
  it.each([
    { name: 'RSA with SHA-1', keys: rsa, flags: [] },
    { name: 'RSA with SHA-256', keys: rsa, flags: ['--url-signer-hash-algorithm', 'sha256'] },
    { name: 'ECDSA with SHA-1', keys: ec, flags: [] },
  ])('signs them by $name', async ({ keys, flags }) => {
    await runSigned(keys, async (rehearsal, run) => {
      const contents = putNumberedObjects(rehearsal.source, 1, 3);
      rehearsal.source.put('folder-0/a b+c', 'x');
      contents.set('folder-0/a b+c', Buffer.from('x'));
      const result = await run(...flags);
      expectExitCode(result, 0);
      expect(await rehearsal.destination()).toEqual(contents);
      expect(rehearsal.cdn.stats.refused).toBe(0);
      expectNoSecret(result, keys.privateKey);
    });
  });

  it.each([
    { name: 'the key id is unknown to the distribution', signing: { ...rsa, keyId: 'KOTHER' } },
    { name: 'the key is another one', signing: { publicKey: rsa.publicKey, privateKey: ec.privateKey } },
    { name: 'the clock of the distribution is days ahead', signing: { ...rsa, clockAheadMs: 8 * 86_400_000 } },
  ])('is refused before anything is begun where $name, without a secret in its words', async ({ signing }) => {
    await runSigned(signing, async (rehearsal, run) => {
      putNumberedObjects(rehearsal.source, 1, 3);
      const result = await run('--log-level', 'debug');
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toContain('the CDN does not accept the signature');
      expect(result.stderr).toContain('url_signer_key_pair_id');
      expect(result.report).toBeUndefined();
      // One refusal alone is none.
      expect(rehearsal.cdn.stats.requests).toBe(3);
      expect(rehearsal.uploads.size).toBe(0);
      expectNoSecret(result, signing.privateKey);
    });
  });
});
