import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { DESTINATION_BUCKET, PARTS_BUCKET, Rehearsal } from './rehearsal.ts';
import { UploadGate } from './upload-gate.ts';

const MIB = 1024 * 1024;
const FLAGS = ['--parallel-from-mib', '1', '--part-size-mib', '1', '--lease-seconds', '600'];
const IN_PARTS_BUCKET = [...FLAGS, '--parts-bucket', PARTS_BUCKET];

let gate: UploadGate;
let rehearsal: Rehearsal;
beforeEach(async () => {
  gate = new UploadGate(0);
  rehearsal = await Rehearsal.start({ interceptGcs: gate.intercept });
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

function content(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) * 5 + (i >> 16)) % 256));
}

function putAll(sizes: readonly number[]): Map<string, Buffer> {
  const contents = new Map<string, Buffer>();
  for (const bytes of sizes) {
    for (const etag of [undefined, `${'ab'.repeat(16)}-3`]) {
      const key = `folder/${bytes}-${etag === undefined ? 'md5' : 'multipart'}`;
      const body = content(bytes);
      const attributes = { contentType: 'image/png', cacheControl: 'max-age=9', userMetadata: { size: String(bytes) } };
      rehearsal.source.put(key, body, { attributes, ...(etag === undefined ? {} : { etag }) });
      contents.set(key, body);
    }
  }
  return contents;
}

describe('run, with objects of all sizes', () => {
  it('moves them in one go, byte for byte, with their metadata, and leaves no parts', async () => {
    gate.release();
    const contents = putAll([0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, MIB - 1, MIB, 3.5 * MIB]);
    const result = await rehearsal.run(...IN_PARTS_BUCKET);
    expectExitCode(result, 0);
    expect(result.report).toMatchObject({ objects: { transferred: contents.size, failed: 0 }, verified: true });
    expect(await rehearsal.destination()).toEqual(contents);
    for (const [key, body] of contents) {
      expect(rehearsal.gcs.objects.resource(DESTINATION_BUCKET, key)).toMatchObject({
        contentType: 'image/png',
        cacheControl: 'max-age=9',
        metadata: { size: String(body.length), 'x-goog-source-etag': expect.any(String) as string },
      });
    }
    expect(rehearsal.gcs.objects.names(PARTS_BUCKET)).toEqual([]);
    // The parts were there, and never beside the objects.
    expect(rehearsal.gcs.stats.uploads(PARTS_BUCKET).size).toBeGreaterThan(0);
    expect([...rehearsal.uploads.keys()].filter((name) => name.includes('.object-transfer-parts'))).toEqual([]);
  });

  it('sweeps the parts that kill -9 has left in another bucket', async () => {
    const contents = putAll([3.5 * MIB]);
    const first = rehearsal.start(...rehearsal.runFlags, ...IN_PARTS_BUCKET);
    await first.whileRunning(gate.composing());
    first.kill('SIGKILL');
    expect((await first.ended).signal).toBe('SIGKILL');
    gate.release();
    await gate.idle();
    expect(rehearsal.gcs.objects.names(PARTS_BUCKET).length).toBeGreaterThanOrEqual(4);
    expect(await rehearsal.destination()).toEqual(new Map());
    expectExitCode(await rehearsal.run(...IN_PARTS_BUCKET), 0);
    expect(await rehearsal.destination()).toEqual(contents);
    expect(rehearsal.gcs.objects.names(PARTS_BUCKET)).toEqual([]);
  });

  it('sweeps the parts of a worker process that kill -9 has hit in the middle', async () => {
    const contents = putAll([3.5 * MIB]);
    const flags = [...IN_PARTS_BUCKET, '--processes', '2', '--json'];
    await using run = rehearsal.start(...rehearsal.runFlags, ...flags);
    await run.whileRunning(gate.composing());
    for (const pid of await run.childPids()) process.kill(pid, 'SIGKILL');
    gate.release();
    expectExitCode(await run.ended, 0);
    expect(await rehearsal.destination()).toEqual(contents);
    expect(rehearsal.gcs.objects.names(PARTS_BUCKET)).toEqual([]);
  });

  it('refuses a bucket for parts that does not exist, and names it', async () => {
    putAll([1]);
    const result = await rehearsal.run(...FLAGS, '--parts-bucket', 'no-such-parts-bucket');
    expectExitCode(result, 2);
    expect(result.stderr).toContain('CONFIG_BUCKET_MISSING');
    expect(result.stderr).toContain('no-such-parts-bucket');
    expect(await rehearsal.destination()).toEqual(new Map());
  });
});
