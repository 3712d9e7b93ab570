import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { createCdnPolicySigner } from './cdn-policy-signer.ts';

const LIFETIME_MS = 3_600_000;
const HOURS_MS = 5 * 3_600_000;

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

/** A signer, and the two clocks of its host. */
function makeSigner() {
  const clocks = { now: Date.UTC(2026, 0, 1), monotonicNow: 0 };
  const signer = createCdnPolicySigner({
    urlPrefix: 'https://cdn.example/',
    keyPairId: 'K1',
    privateKey,
    privateKeyOrigin: 'this test',
    hashAlgorithm: 'sha1',
    lifetimeMs: LIFETIME_MS,
    now: () => clocks.now,
    monotonicNow: () => clocks.monotonicNow,
  });
  return { signer, clocks };
}

it('signs anew when the time has passed, although the clock was set back meanwhile', () => {
  const { signer, clocks } = makeSigner();
  const first = signer.query();
  clocks.now -= HOURS_MS;
  expect(signer.query()).toBe(first);
  clocks.monotonicNow += 0.8 * LIFETIME_MS;
  expect(signer.query()).not.toBe(first);
});

it('signs anew when the clock says so, although it was set forward or the host was suspended', () => {
  const { signer, clocks } = makeSigner();
  const first = signer.query();
  clocks.now += HOURS_MS;
  expect(signer.query()).not.toBe(first);
});

it('signs a refused query anew, although the clock was set back since it was signed', () => {
  const { signer, clocks } = makeSigner();
  const first = signer.query();
  clocks.now -= HOURS_MS;
  clocks.monotonicNow += 0.5 * LIFETIME_MS;
  expect(signer.renewRejected(first)).not.toBe(undefined);
  expect(signer.renewRejected(signer.query())).toBe(undefined);
});
