import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { RunningCommand } from '../e2e/command.ts';
import { Rehearsal } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { RequestGate } from '../faults/shutdown-gate.ts';
import { EchoingRefusals } from './echoing-refusals.ts';
import { findLeaks, readAllFiles } from './find-leaks.ts';
import { processTree } from './processes.ts';

const KEY_PAIR_ID = 'K2JCJMDEHXQW5F';
const KEYS = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const AWS = {
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  AWS_SESSION_TOKEN: 'FwoGZXIvYXdzEBYaDsessionTokenOfTheTest/+==',
};
const SIGNED = ['--url-signer-private-key-file', 'key.pem', '--url-signer-key-pair-id', KEY_PAIR_ID];

/** In arguments and environments of the processes that a run has started is no secret that it was not given there itself. */
async function expectNothingHandedOn(command: RunningCommand, workers: number): Promise<void> {
  const [run, ...started] = await processTree(command.pid);
  expect(started).toHaveLength(workers);
  const given = new Set(run?.environ.split('\n'));
  for (const { cmdline, environ } of started) {
    const added = environ.split('\n').filter((variable) => !given.has(variable));
    const secrets = new Map([...Object.entries(AWS), ['private key', KEYS.privateKey]]);
    expect(findLeaks(`${cmdline}\n${added.join('\n')}`, secrets)).toEqual([]);
  }
}

describe.each([
  { how: 'signed URLs', flags: SIGNED, workers: 2, publicKeys: { [KEY_PAIR_ID]: KEYS.publicKey } },
  { how: 'SigV4', flags: ['--cdn-auth', 'sigv4'], workers: 0, publicKeys: undefined },
])('a run through a CDN by $how that fails', ({ flags, workers, publicKeys }) => {
  it('writes no secret anywhere, though every server repeats what it was sent', async () => {
    const refusals = new EchoingRefusals(({ url }) => url?.split('?')[0]?.includes('refused') === true);
    const intercept = refusals.intercept;
    const uploads = new RequestGate((url) => url.startsWith('/upload/'));
    uploads.close();
    await using rehearsal = await Rehearsal.start({
      distribution: { publicKeys, intercept },
      interceptS3: intercept,
      interceptGcs: async (...request) => (await uploads.intercept(...request)) || intercept(...request),
    });
    putNumberedObjects(rehearsal.source, 1, 3);
    for (const name of ['refused-1', 'refused-2', 'refused-3']) rehearsal.source.put(`folder-0/${name}`, name);
    await writeFile(rehearsal.path('key.pem'), KEYS.privateKey);
    const environment = { ...rehearsal.environment, ...AWS };
    const args = [...rehearsal.runFlags, ...flags, '--processes', String(Math.max(1, workers)), '--log-level', 'debug'];
    await using command = new RunningCommand(args, { cwd: rehearsal.directory, environment });
    await command.whileRunning(uploads.held);
    await expectNothingHandedOn(command, workers);
    uploads.open();
    const { exitCode, stdout, stderr } = await command.ended;
    expect(exitCode).toBe(1);
    expect(refusals.refused).toBeGreaterThanOrEqual(3);

    const secrets = new Map([...Object.entries(AWS), ...refusals.seen, ['private key', KEYS.privateKey]]);
    expect(refusals.seen.size).toBeGreaterThan(2);
    const written = stdout + stderr + (await readAllFiles(rehearsal.directory, ['key.pem']));
    expect(findLeaks(written, secrets)).toEqual([]);
    // What was said came through, but for the secrets: in the log, in the state and in the report.
    for (const text of [
      stderr,
      await readAllFiles(rehearsal.directory, ['report.json']),
      JSON.stringify(await rehearsal.readReport()),
    ]) {
      expect(text).toMatch(/GET \/[^\n]*refused-\d[^]*\[redacted\]/);
    }
  });
});
