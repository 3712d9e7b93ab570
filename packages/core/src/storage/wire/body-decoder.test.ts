import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBodyDecoder, type BodyDecoder } from './body-decoder.ts';

const broken = expect.objectContaining({ code: 'WIRE_PROTOCOL' }) as Error;

/** Cuts bytes at the places given, and decodes piece after piece at some place of a block, as they would arrive. */
function decodeInPieces(decoder: BodyDecoder, wire: Buffer, cuts: readonly number[]): Buffer {
  const ends = [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].toSorted((a, b) => a - b);
  const decoded: Buffer[] = [];
  let from = 0;
  for (const to of [...ends, wire.length]) {
    const before = 7;
    // What stands around the piece is neither read nor written.
    const block = Buffer.alloc(before + (to - from) + 9, '\n');
    wire.copy(block, before, from, to);
    const end = decoder.decode(block, before, before + (to - from));
    decoded.push(Buffer.from(block.subarray(before, end)));
    expect(block.subarray(0, before).equals(Buffer.alloc(before, '\n'))).toBe(true);
    expect(block.subarray(before + (to - from)).equals(Buffer.alloc(9, '\n'))).toBe(true);
    from = to;
  }
  return Buffer.concat(decoded);
}

const chunk = fc.record({
  bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  upper: fc.boolean(),
  zeros: fc.nat(3),
  extension: fc.constantFrom('', ';a=b', ' ;x', '\t; "q"', ';'),
});

function encode(chunks: readonly { bytes: Uint8Array; upper: boolean; zeros: number; extension: string }[]): Buffer {
  return Buffer.concat(
    chunks.flatMap(({ bytes, upper, zeros, extension }) => {
      const size = '0'.repeat(zeros) + bytes.length.toString(16);
      return [Buffer.from(`${upper ? size.toUpperCase() : size}${extension}\r\n`), bytes, Buffer.from('\r\n')];
    }),
  );
}

const cuts = fc.array(fc.nat(), { maxLength: 40 });

describe('a chunked body', () => {
  test('decodes to its bytes, however it is chunked and wherever it is cut', () => {
    const endings = fc.constantFrom('0\r\n\r\n', '000;x\r\n\r\n', '0\r\nETag: "a"\r\nb: c\r\n\r\n');
    fc.assert(
      fc.property(fc.array(chunk), endings, cuts, (chunks, ending, at) => {
        const decoder = createBodyDecoder({ kind: 'chunked' });
        const bytes = Buffer.concat(chunks.map((each) => each.bytes));
        const wire = Buffer.concat([encode(chunks), Buffer.from(ending)]);
        expect(decodeInPieces(decoder, wire, at).equals(bytes)).toBe(true);
        expect([decoder.ended, decoder.close()]).toEqual([true, true]);
      }),
    );
  });

  test('decodes to its bytes when each comes alone', () => {
    const wire = Buffer.from('4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\nA: b\r\n\r\n');
    const decoder = createBodyDecoder({ kind: 'chunked' });
    const everywhere = Array.from(wire, (_, index) => index);
    expect(decodeInPieces(decoder, wire, everywhere).toString()).toBe('Wikipedia');
    expect(decoder.ended).toBe(true);
  });

  test('that breaks off anywhere before its end has not ended', () => {
    const wire = Buffer.from('4\r\nWiki\r\n0\r\nA: b\r\n\r\n');
    for (let length = 0; length < wire.length; length++) {
      const decoder = createBodyDecoder({ kind: 'chunked' });
      decodeInPieces(decoder, wire.subarray(0, length), []);
      expect([decoder.ended, decoder.close()]).toEqual([false, false]);
    }
  });

  test.each([
    ['a size that is none', 'x\r\n'],
    ['an empty size', '\r\nabc'],
    ['a negative size', '-1\r\n'],
    ['a size with a sign', '0x4\r\nWiki'],
    ['a size that no number holds', `${'f'.repeat(13)}\r\n`],
    ['a size followed by something else', '4 4\r\nWiki\r\n'],
    ['a line that ends with a line feed only', '4\nWiki\r\n'],
    ['a chunk longer than its size', '4\r\nWikip\r\n'],
    ['a size line without end', '4'.padEnd(10_000, ';')],
    ['a trailer without end', `0\r\n${'x'.repeat(10_000)}`],
    ['bytes beyond its end', '0\r\n\r\nH'],
  ])('with %s is an error, wherever it is cut', (_, text) => {
    fc.assert(
      fc.property(cuts, (at) => {
        const decoder = createBodyDecoder({ kind: 'chunked' });
        expect(() => decodeInPieces(decoder, Buffer.from(text), at)).toThrow(broken);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a body of known length', () => {
  test('is what it is, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), cuts, (bytes, at) => {
        const decoder = createBodyDecoder({ kind: 'length', bytes: bytes.length });
        expect(decodeInPieces(decoder, Buffer.from(bytes), at)).toEqual(Buffer.from(bytes));
        expect([decoder.ended, decoder.close()]).toEqual([true, true]);
      }),
    );
  });

  test('has ended with its last byte, not before, and has no more', () => {
    const decoder = createBodyDecoder({ kind: 'length', bytes: 3 });
    decodeInPieces(decoder, Buffer.from('ab'), []);
    expect([decoder.ended, decoder.close()]).toEqual([false, false]);
    expect(() => decodeInPieces(decoder, Buffer.from('cd'), [])).toThrow(broken);
    decodeInPieces(decoder, Buffer.from('c'), []);
    expect(decoder.ended).toBe(true);
    expect(() => decodeInPieces(decoder, Buffer.from('d'), [])).toThrow(broken);
  });

  test('may be empty', () => {
    expect(createBodyDecoder({ kind: 'length', bytes: 0 }).ended).toBe(true);
  });
});

test('a body of unknown length ends with its connection', () => {
  const decoder = createBodyDecoder({ kind: 'until-close' });
  expect(decodeInPieces(decoder, Buffer.from('abcdef'), [2, 4]).toString()).toBe('abcdef');
  expect([decoder.ended, decoder.close()]).toEqual([false, true]);
});
