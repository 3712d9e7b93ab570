import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeObjectMessage, MAX_MESSAGE_BYTES } from './message-codec.ts';
import type { SourceObject } from './source-object.ts';
import { MessagePacker, type PackedMessage, type PackingLimits } from './message-packer.ts';

function object(key: string, sizeBytes: number): SourceObject {
  return { key, sizeBytes, etag: '0'.repeat(32), lastModified: new Date(0), storageClass: 'STANDARD' };
}

function pack(objects: readonly SourceObject[], limits: PackingLimits): readonly PackedMessage[] {
  const packer = new MessagePacker('photos/', limits);
  return [...objects.map((each) => packer.add(each)), packer.flush()].filter((message) => message !== undefined);
}

function sizes(messages: readonly PackedMessage[]): readonly (readonly number[])[] {
  return messages.map(({ objects }) => objects.map(({ sizeBytes }) => sizeBytes));
}

describe('MessagePacker', () => {
  it('fills a message up to the number of objects', () => {
    const objects = [1, 2, 3, 4, 5].map((size) => object(`${size}`, size));
    expect(sizes(pack(objects, { maxObjects: 2, maxBytes: 100 }))).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('fills a message up to the byte budget; what is larger travels alone', () => {
    const objects = [40, 60, 1, 500, 0, 100].map((size) => object(`${size}`, size));
    const messages = pack(objects, { maxObjects: 10, maxBytes: 100 });
    expect(sizes(messages)).toEqual([[40, 60], [1], [500], [0, 100]]);
    expect(messages.map(({ bytes }) => bytes)).toEqual([100, 1, 500, 100]);
  });

  it('has nothing to say about nothing', () => {
    expect(pack([], { maxObjects: 10, maxBytes: 100 })).toEqual([]);
  });

  it('stays within the size of a message, however the keys look', () => {
    const objects = Array.from({ length: 3000 }, (_, index) => object(`${'\u0001'.repeat(1000)}${index}`, 0));
    const messages = pack(objects, { maxObjects: 10_000, maxBytes: 1 });
    expect(messages.length).toBeGreaterThan(1);
    for (const message of messages) {
      expect(Buffer.byteLength(encodeObjectMessage('photos/', message.objects))).toBeLessThan(MAX_MESSAGE_BYTES);
    }
  });

  it('keeps every object once, in order, within both limits', () => {
    const size = fc.nat({ max: 50 });
    fc.assert(
      fc.property(fc.array(size), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 60 }), (all, n, max) => {
        const messages = pack(
          all.map((each, index) => object(`${index}`, each)),
          { maxObjects: n, maxBytes: max },
        );
        expect(sizes(messages).flat()).toEqual(all);
        expect(messages.every(({ objects }) => objects.length > 0 && objects.length <= n)).toBe(true);
        expect(messages.every(({ objects, bytes }) => bytes <= max || objects.length === 1)).toBe(true);
      }),
      { seed: 1 },
    );
  });
});
