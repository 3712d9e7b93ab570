import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { ObjectUpload, UploadRequest } from '@object-transfer/core/ports/object-destination';
import { describe, expect, test } from 'vitest';
import { never, writeRequest, type DestinationFixture } from './object-destination-fixture.ts';

const KIB = 1024;
const LARGE_BYTES = 33 * KIB * KIB + 1;
const large = Buffer.from(new Uint8Array(LARGE_BYTES).map((_, i) => (i * 31 + (i >> 8) * 7 + (i >> 16)) % 251));

function md5(content: Buffer): string {
  return createHash('md5').update(content).digest('hex');
}

/** Writes in odd pieces, all from one buffer that is used again as soon as a write has resolved. */
async function writePieces(upload: ObjectUpload, content: Buffer): Promise<void> {
  const buffer = Buffer.alloc(300_007);
  const sizes = [1, 7, 65_536, 262_143, 300_007, 3];
  for (let at = 0, i = 0; at < content.length; i++) {
    const piece = content.subarray(at, at + (sizes[i % sizes.length] ?? 1));
    piece.copy(buffer);
    await upload.write(buffer.subarray(0, piece.length));
    buffer.fill(0xdd);
    at += piece.length;
  }
}

/** What every destination must do with uploads that are given piece by piece. To be called inside a `describe`. */
export function uploadsSuite(current: () => DestinationFixture): void {
  const open = (name: string, sizeBytes: number, more: Partial<UploadRequest> = {}): Promise<ObjectUpload> =>
    current().destination.openUpload({
      name,
      sizeBytes,
      properties: { metadata: {} },
      ifGenerationMatch: '0',
      signal: never,
      ...more,
    });

  /** The whole of it; aborts where it fails, as every caller must. */
  async function upload(
    name: string,
    content: Buffer,
    more: Partial<UploadRequest> = {},
    crc = crc32c(content),
  ): Promise<DestinationObject> {
    const opened = await open(name, content.length, more);
    try {
      await writePieces(opened, content);
      return await opened.finish(crc);
    } catch (error) {
      await opened.abort();
      throw error;
    }
  }

  const kinds: readonly (readonly [string, (content: Buffer) => Partial<UploadRequest>])[] = [
    ['of a temporary object', () => ({ temporary: true })],
    ['of known MD5', (content) => ({ md5: md5(content) })],
    ['of unknown MD5', () => ({})],
  ];

  describe.each(kinds)('an upload %s', (kind, moreFor) => {
    test.each([0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 512 * KIB, 5_000_003, LARGE_BYTES])(
      'of %d bytes arrives byte for byte, though its buffer is used again',
      async (sizeBytes) => {
        const content = large.subarray(0, sizeBytes);
        const name = `uploads/${kind}/${sizeBytes}`;
        const written = await upload(name, content, moreFor(content));
        expect(written).toMatchObject({ name, sizeBytes, crc32c: crc32c(content) });
        expect(await current().destination.stat(name, never)).toEqual(written);
        expect((await current().keptObject(name))?.bytes.equals(content)).toBe(true);
      },
    );

    test('keeps headers, metadata and storage class', async () => {
      const content = large.subarray(0, 300_000);
      const properties = {
        contentType: 'text/x-thing; charset=utf-8',
        cacheControl: 'max-age=60',
        contentDisposition: 'attachment; filename="ä b.txt"',
        contentLanguage: 'de',
        contentEncoding: 'gzip',
        metadata: { 'x-goog-source-etag': 'abc-2', city: 'Zürich 東京', empty: '' },
      };
      const name = `uploads/${kind}/properties`;
      const written = await upload(name, content, { properties, storageClass: 'NEARLINE', ...moreFor(content) });
      expect(written.sourceEtag).toBe('abc-2');
      expect(await current().keptObject(name)).toEqual({ bytes: content, storageClass: 'NEARLINE', ...properties });
    });

    test('creates only where the name is free, and overwrites only the generation named', async () => {
      const name = `uploads/${kind}/guarded`;
      const [first, second] = [large.subarray(0, 300_000), large.subarray(1, 600_000)];
      const { generation } = await upload(name, first, moreFor(first));
      const failed = { code: 'DESTINATION_PRECONDITION_FAILED', httpStatus: 412 };
      await expect(upload(name, second, moreFor(second))).rejects.toMatchObject(failed);
      const other = { ...moreFor(second), ifGenerationMatch: '1' };
      await expect(upload(name, second, other)).rejects.toMatchObject(failed);
      expect((await current().keptObject(name))?.bytes.equals(first)).toBe(true);
      await upload(name, second, { ...moreFor(second), ifGenerationMatch: generation });
      expect((await current().keptObject(name))?.bytes.equals(second)).toBe(true);
      await upload(name, first, { ...moreFor(first), ifGenerationMatch: undefined });
      expect((await current().keptObject(name))?.bytes.equals(first)).toBe(true);
    });

    test('fails at its end where the name has been taken meanwhile', async () => {
      const content = large.subarray(0, 300_000);
      const name = `uploads/${kind}/taken`;
      const opened = await open(name, content.length, moreFor(content));
      await opened.write(content);
      await current().destination.write(writeRequest(name, Buffer.from('faster')));
      await expect(opened.finish(crc32c(content))).rejects.toMatchObject({ code: 'DESTINATION_PRECONDITION_FAILED' });
      await opened.abort();
      expect((await current().keptObject(name))?.bytes.toString()).toBe('faster');
    });

    test.each([0, 1, 256 * KIB, 299_999])('aborted after %d bytes leaves nothing behind', async (sentBytes) => {
      const content = large.subarray(0, 300_000);
      const name = `uploads/${kind}/aborted-${sentBytes}`;
      const opened = await open(name, content.length, moreFor(content));
      if (sentBytes > 0) await opened.write(content.subarray(0, sentBytes));
      await opened.abort();
      await opened.abort();
      expect(await current().destination.stat(name, never)).toBeUndefined();
    });

    test('aborted after its end does nothing', async () => {
      const content = large.subarray(0, 300_000);
      const name = `uploads/${kind}/late-abort`;
      const opened = await open(name, content.length, moreFor(content));
      await opened.write(content);
      const written = await opened.finish(crc32c(content));
      await opened.abort();
      expect(await current().destination.stat(name, never)).toEqual(written);
    });

    test('ends with the reason of its signal, whatever it is at, and leaves nothing behind', async () => {
      const content = large.subarray(0, 300_000);
      const reason = new Error('enough');
      const more = moreFor(content);
      await expect(open('x', content.length, { ...more, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      for (const at of ['write', 'finish'] as const) {
        const controller = new AbortController();
        const name = `uploads/${kind}/signal-${at}`;
        const opened = await open(name, content.length, { ...more, signal: controller.signal });
        if (at === 'finish') await opened.write(content);
        controller.abort(reason);
        await expect(at === 'write' ? opened.write(content) : opened.finish(crc32c(content))).rejects.toBe(reason);
        await opened.abort();
        expect(await current().destination.stat(name, never)).toBeUndefined();
      }
    });

    test('is refused where the bucket is missing', async () => {
      const content = large.subarray(0, 300_000);
      const opening = current().missing.openUpload({
        name: 'x',
        sizeBytes: content.length,
        properties: { metadata: {} },
        ifGenerationMatch: '0',
        signal: never,
        ...moreFor(content),
      });
      const whole = async () => {
        const opened = await opening;
        try {
          await opened.write(content);
          await opened.finish(crc32c(content));
        } finally {
          await opened.abort();
        }
      };
      await expect(whole()).rejects.toMatchObject({ code: 'DESTINATION_NOT_FOUND', retryable: false });
    });
  });

  test.each([300_000, LARGE_BYTES])('an upload of %d bytes of another MD5 leaves nothing behind', async (bytes) => {
    const content = large.subarray(0, bytes);
    const name = `uploads/md5-${bytes}`;
    await expect(upload(name, content, { md5: md5(Buffer.from('other')) })).rejects.toMatchObject({
      code: 'DESTINATION_CHECKSUM_REJECTED',
      retryable: true,
      message: expect.stringContaining('MD5') as string,
    });
    expect(await current().destination.stat(name, never)).toBeUndefined();
  });

  test.each([1, 256 * KIB, 256 * KIB + 1, 300_000, LARGE_BYTES])(
    'an upload of %d bytes of another CRC32C leaves nothing behind',
    async (bytes) => {
      const content = large.subarray(0, bytes);
      const name = `uploads/crc32c-${bytes}`;
      await expect(upload(name, content, {}, crc32c(content) ^ 1)).rejects.toMatchObject({
        code: 'DESTINATION_CHECKSUM_REJECTED',
        retryable: true,
        message: expect.stringContaining('CRC32C') as string,
      });
      expect(await current().destination.stat(name, never)).toBeUndefined();
    },
  );

  test('an upload that fails leaves what was under its name before', async () => {
    const before = Buffer.from('before');
    const content = large.subarray(0, 300_000);
    const { generation } = await current().destination.write(writeRequest('uploads/before', before));
    const more = { ifGenerationMatch: generation };
    await expect(upload('uploads/before', content, more, 1)).rejects.toMatchObject({
      code: 'DESTINATION_CHECKSUM_REJECTED',
    });
    await expect(upload('uploads/before', content, { ...more, md5: md5(before) })).rejects.toMatchObject({
      code: 'DESTINATION_CHECKSUM_REJECTED',
    });
    expect((await current().keptObject('uploads/before'))?.bytes.equals(before)).toBe(true);
  });

  test('an upload with more metadata than GCS takes is refused before it begins', async () => {
    const properties = { metadata: { long: 'x'.repeat(8189) } };
    await expect((async () => open('uploads/heavy', 1, { properties }))()).rejects.toMatchObject({
      code: 'DESTINATION_METADATA_TOO_LARGE',
    });
  });
}
