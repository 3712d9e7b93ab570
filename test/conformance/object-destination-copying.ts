import { crc32c } from '@node-rs/crc32';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { describe, expect, test } from 'vitest';
import { never, rewriteRequest, writeRequest, type DestinationFixture } from './object-destination-fixture.ts';

/** The part of the suite about making objects of objects: composing and rewriting. */
export function copyingSuite(fixture: () => DestinationFixture): void {
  const destination = (): ObjectDestination => fixture().destination;
  const writeSource = (name: string, content: Buffer): Promise<DestinationObject> => {
    const properties = { contentType: 'x/source', contentLanguage: 'fr', metadata: { of: 'the source' } };
    return destination().write(writeRequest(name, content, { properties, storageClass: 'STANDARD' }));
  };

  describe.each(['STANDARD', 'NEARLINE', 'ARCHIVE'])('of class %s', (storageClass) => {
    test('composes parts in order, whatever class the bucket has, and again over what is there', async () => {
      const contents = ['one ', 'two ', 'three'].map((text) => Buffer.from(text));
      const parts = await Promise.all(
        contents.map((part, i) =>
          destination().write(writeRequest(`parts/${storageClass}/${i}`, part, { storageClass })),
        ),
      );
      const whole = Buffer.concat(contents);
      const request = { name: `composed/é +% ${storageClass}`, parts, storageClass, signal: never };
      const first = await destination().compose(request);
      expect(first).toMatchObject({ sizeBytes: whole.length, crc32c: crc32c(whole), md5: undefined });
      expect((await destination().compose(request)).generation).not.toBe(first.generation);
      expect(await fixture().keptObject(request.name)).toMatchObject({ bytes: whole, storageClass });
    });
  });

  test('does not compose from a part of another class', async () => {
    const part = await destination().write(writeRequest('warm part', Buffer.from('x'), { storageClass: 'STANDARD' }));
    await expect(
      destination().compose({ name: 'cold whole', parts: [part], storageClass: 'COLDLINE', signal: never }),
    ).rejects.toMatchObject({ code: 'DESTINATION_REJECTED', retryable: false });
    expect(await destination().stat('cold whole', never)).toBeUndefined();
  });

  test('does not compose from a part that has been replaced', async () => {
    const storageClass = 'STANDARD';
    const part = await destination().write(writeRequest('part', Buffer.from('old'), { storageClass }));
    await destination().write(
      writeRequest('part', Buffer.from('new'), { storageClass, ifGenerationMatch: part.generation }),
    );
    await expect(
      destination().compose({ name: 'whole', parts: [part], storageClass, signal: never }),
    ).rejects.toMatchObject({ code: 'DESTINATION_NOT_FOUND', retryable: false });
    expect(await destination().stat('whole', never)).toBeUndefined();
  });

  describe('a rewrite', () => {
    test.each(['STANDARD', 'NEARLINE', 'COLDLINE', undefined])(
      'keeps the content and replaces everything else, into class %s',
      async (storageClass) => {
        const content = Buffer.alloc(100_000, 'r0.');
        const from = await writeSource(`rewrite/from +% ${storageClass}`, content);
        const name = `rewrite/to é +%/${storageClass}`;
        const properties = {
          contentType: 'text/plain',
          cacheControl: 'no-cache',
          contentDisposition: 'inline',
          contentEncoding: 'br',
          metadata: { 'x-goog-source-etag': 'e-3', city: 'Zürich' },
        };
        const written = await destination().rewrite(rewriteRequest({ source: from, name, properties, storageClass }));
        expect(written).toMatchObject({ name, sizeBytes: content.length, crc32c: crc32c(content), sourceEtag: 'e-3' });
        expect(await destination().stat(name, never)).toEqual(written);
        expect(await fixture().keptObject(name)).toEqual({
          bytes: content,
          storageClass: storageClass ?? fixture().defaultStorageClass,
          contentLanguage: undefined,
          ...properties,
        });
        expect(await destination().stat(from.name, never)).toEqual(from);
      },
    );

    test('leaves nothing of the source where no properties are given', async () => {
      const from = await writeSource('bare/from', Buffer.from('x'));
      await destination().rewrite(rewriteRequest({ source: from, name: 'bare/to' }));
      expect(await fixture().keptObject('bare/to')).toMatchObject({
        contentType: 'application/octet-stream',
        contentLanguage: undefined,
        metadata: undefined,
      });
    });

    test('takes a composed object, and an empty one', async () => {
      const storageClass = 'STANDARD';
      const part = await writeSource('rewrite/part', Buffer.from('part '));
      const parts = [part, part];
      const whole = await destination().compose({ name: 'rewrite/whole', parts, storageClass, signal: never });
      const to = { name: 'rewrite/final', storageClass: 'ARCHIVE' };
      expect(await destination().rewrite(rewriteRequest({ source: whole, ...to }))).toMatchObject({
        crc32c: whole.crc32c,
        md5: undefined,
      });
      expect((await fixture().keptObject(to.name))?.bytes.toString()).toBe('part part ');
      const empty = await writeSource('rewrite/empty', Buffer.alloc(0));
      const emptied = await destination().rewrite(rewriteRequest({ source: empty, name: 'rewrite/emptied' }));
      expect(emptied.sizeBytes).toBe(0);
    });

    test('creates only where the name is free, and overwrites only the generation named', async () => {
      const from = await writeSource('rewrite/guarded-source', Buffer.from('rewritten'));
      const guarded = { source: from, name: 'rewrite/guarded', storageClass: 'COLDLINE' };
      const there = await destination().write(writeRequest(guarded.name, Buffer.from('there')));
      const failed = { code: 'DESTINATION_PRECONDITION_FAILED', httpStatus: 412, retryable: false };
      for (const ifGenerationMatch of ['0', '1']) {
        const refused = destination().rewrite(rewriteRequest({ ...guarded, ifGenerationMatch }));
        await expect(refused).rejects.toMatchObject(failed);
      }
      expect((await fixture().keptObject(guarded.name))?.bytes.toString()).toBe('there');
      await destination().rewrite(rewriteRequest({ ...guarded, ifGenerationMatch: there.generation }));
      await destination().rewrite(rewriteRequest({ ...guarded, ifGenerationMatch: undefined }));
      expect((await fixture().keptObject(guarded.name))?.bytes.toString()).toBe('rewritten');
    });

    test('is refused where the source is gone or has been replaced', async () => {
      const name = 'rewrite/lost';
      const old = await writeSource('rewrite/replaced', Buffer.from('old'));
      await destination().write(
        writeRequest('rewrite/replaced', Buffer.from('new'), { ifGenerationMatch: old.generation }),
      );
      const gone = await writeSource('rewrite/gone', Buffer.from('x'));
      await destination().delete(gone.name, gone.generation, never);
      for (const lost of [old, gone]) {
        await expect(destination().rewrite(rewriteRequest({ source: lost, name }))).rejects.toMatchObject({
          code: 'DESTINATION_NOT_FOUND',
          retryable: false,
        });
      }
      expect(await destination().stat(name, never)).toBeUndefined();
    });

    test('is refused with more metadata than GCS takes', async () => {
      const from = await writeSource('rewrite/light', Buffer.from('x'));
      const properties = { metadata: { long: 'x'.repeat(8189) } };
      await expect(
        destination().rewrite(rewriteRequest({ source: from, name: 'rewrite/heavy', properties })),
      ).rejects.toMatchObject({ code: 'DESTINATION_METADATA_TOO_LARGE' });
    });

    test('ends with the reason of the abort', async () => {
      const from = await writeSource('rewrite/aborted', Buffer.from('x'));
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await expect(destination().rewrite(rewriteRequest({ source: from, name: 'rewrite/never', signal }))).rejects.toBe(
        reason,
      );
    });
  });
}
