import { describe, expect, it } from 'vitest';
import { GcsError } from './gcs-error.ts';
import { MultipartRelated } from './multipart-related.ts';

interface Parsed {
  json?: string;
  contentType?: string | undefined;
  media: Buffer;
}

function parse(contentType: string, pieces: readonly Buffer[]): Parsed {
  const parsed: Parsed = { media: Buffer.alloc(0) };
  const parser = new MultipartRelated(contentType, {
    onMetadata(json, partType) {
      expect(parsed.json).toBeUndefined();
      parsed.json = json;
      parsed.contentType = partType;
    },
    onMedia: (bytes) => void (parsed.media = Buffer.concat([parsed.media, bytes])),
  });
  for (const piece of pieces) parser.push(piece);
  parser.end();
  return parsed;
}

function body(newline: string, media: Buffer, ending: string): Buffer {
  const head = [
    '--b0',
    'Content-Type: application/json',
    '',
    '{"name":"ü"}',
    '--b0',
    'Content-Type: text/plain',
    'Content-Transfer-Encoding: binary',
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(head.join(newline)), media, Buffer.from(`${newline}--b0--${ending}`)]);
}

const TYPE = 'multipart/related; boundary=b0';
const TRICKY = Buffer.from('\r\n--b\r\n\r\n--\n--b\r\r\n--B0--\0\xff--b0', 'latin1');

describe('MultipartRelated', () => {
  it.each([
    ['CRLF', '\r\n', '\r\n'],
    ['CRLF without a last line end', '\r\n', ''],
    ['LF', '\n', '\n'],
    ['CRLF with an epilogue', '\r\n', '\r\nepilogue'],
  ])('takes bytes that resemble the boundary, cut at any point (%s)', (_name, newline, ending) => {
    // In a body of LF lines a line feed and the boundary are the end, so there the bytes must not hold both.
    const bytes = body(newline, TRICKY, ending);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const parsed = parse(TYPE, [bytes.subarray(0, cut), bytes.subarray(cut)]);
      expect(parsed).toEqual({ json: '{"name":"ü"}', contentType: 'text/plain', media: TRICKY });
    }
    const single = [...bytes].map((byte) => Buffer.from([byte]));
    expect(parse(TYPE, single).media).toEqual(TRICKY);
  });

  it.each([
    'multipart/related; boundary="b0"',
    "multipart/related; boundary='b0'",
    'multipart/related; type=x; boundary=b0; y=z',
  ])('finds the boundary in %s', (contentType) => {
    expect(parse(contentType, [body('\r\n', Buffer.from('x'), '\r\n')]).media.toString()).toBe('x');
  });

  it('takes empty media, with and without a line end of its own', () => {
    expect(parse(TYPE, [body('\r\n', Buffer.alloc(0), '\r\n')]).media).toHaveLength(0);
    const bytes = Buffer.from('--b0\r\n\r\n{}\r\n--b0\r\n\r\n--b0--\r\n');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const parsed = parse(TYPE, [bytes.subarray(0, cut), bytes.subarray(cut)]);
      expect(parsed).toEqual({ json: '{}', contentType: undefined, media: Buffer.alloc(0) });
    }
  });

  it('takes parts without headers', () => {
    const parsed = parse(TYPE, [Buffer.from('--b0\r\n\r\n{}\r\n--b0\r\n\r\ndata\r\n--b0--')]);
    expect(parsed).toEqual({ json: '{}', contentType: undefined, media: Buffer.from('data') });
  });

  it.each([
    ['no boundary in the header', 'multipart/related', '--b0--'],
    ['a body that ends early', TYPE, '--b0\r\n\r\n{}\r\n--b0\r\n\r\nda'],
    ['a body without parts', TYPE, '--b0--\r\n'],
    ['three parts', TYPE, '--b0\r\n\r\n{}\r\n--b0\r\n\r\nx\r\n--b0\r\n\r\ny\r\n--b0--'],
    ['an empty body', TYPE, ''],
  ])('refuses %s', (_name, contentType, text) => {
    expect(() => parse(contentType, [Buffer.from(text)])).toThrow(GcsError);
  });
});
