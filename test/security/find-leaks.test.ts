import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findLeaks, readAllFiles } from './find-leaks.ts';

const PEM = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const SECRETS = new Map([
  ['password', 'p"ss/wörd&+'],
  ['key', PEM.toString()],
]);

it.each([
  ['as it is', 'login with p"ss/wörd&+ failed'],
  ['in JSON', JSON.stringify({ password: 'p"ss/wörd&+' })],
  ['in a URL', `?password=${encodeURIComponent('p"ss/wörd&+')}`],
  ['in Base64', Buffer.from('p"ss/wörd&+').toString('base64')],
  ['as one line of a key', PEM.toString().split('\n')[7] ?? ''],
  ['as the frame of a key', '-----BEGIN PRIVATE KEY-----'],
])('a secret is found %s', (_, text) => {
  expect(findLeaks(`before ${text} after`, SECRETS)).toHaveLength(1);
});

it('a text without secrets has none, and files are read with their names', async () => {
  expect(findLeaks('login failed: [redacted]', SECRETS)).toEqual([]);
  const directory = await mkdtemp(join(tmpdir(), 'find-leaks-'));
  await writeFile(join(directory, 'name-of-a-file'), 'its content');
  await writeFile(join(directory, 'key.pem'), PEM);
  const all = await readAllFiles(directory, ['key.pem']);
  expect(all).toMatch(/name-of-a-file\nits content/);
  expect(findLeaks(all, SECRETS)).toEqual([]);
  expect(findLeaks(await readAllFiles(directory), SECRETS)).toHaveLength(2);
  await rm(directory, { recursive: true });
});
