import { describe, expect, it } from 'vitest';
import { AwsChunkedDecoder } from './aws-chunked.ts';

const ENCODED =
  '5;chunk-signature=abc\r\nhello\r\n6\r\n wo\r\nr\r\n0;chunk-signature=def\r\nX-Amz-Checksum-Crc32: AAAAAA==\r\nx-b:2\r\n\r\n';

describe('AwsChunkedDecoder', () => {
  it('decodes wherever the input is cut', () => {
    for (let step = 1; step <= ENCODED.length; step++) {
      const decoder = new AwsChunkedDecoder();
      for (let at = 0; at < ENCODED.length; at += step) decoder.write(Buffer.from(ENCODED.slice(at, at + step)));
      decoder.end();
      expect(Buffer.concat(decoder.chunks).toString()).toBe('hello wo\r\nr');
      expect([...decoder.trailers]).toEqual([
        ['x-amz-checksum-crc32', 'AAAAAA=='],
        ['x-b', '2'],
      ]);
    }
  });

  it('takes trailers without an empty line behind them', () => {
    const decoder = new AwsChunkedDecoder();
    decoder.write(Buffer.from('0\r\nx-a:1'));
    decoder.end();
    expect(decoder.trailers.get('x-a')).toBe('1');
  });

  it.each(['5\r\nhel', '5\r\nhello\r\n', '5', ''])('says that %j is not complete', (text) => {
    const decoder = new AwsChunkedDecoder();
    decoder.write(Buffer.from(text));
    expect(() => decoder.end()).toThrow('terminated unexpectedly');
  });

  it.each(['x\r\n', '5\r\nhelloX\r\n'])('refuses %j', (text) => {
    expect(() => new AwsChunkedDecoder().write(Buffer.from(text))).toThrow(Error);
  });
});
