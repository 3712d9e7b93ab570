import { describe, expect, test } from 'vitest';
import { parseResponseHead, type Framing } from './response-head.ts';

function parse(...lines: readonly string[]): ReturnType<typeof parseResponseHead> {
  return parseResponseHead(lines.join('\r\n'));
}

const broken = expect.objectContaining({ code: 'WIRE_PROTOCOL' }) as Error;

describe('a status line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200],
    ['HTTP/1.1 404 ', 404],
    ['HTTP/1.0 503', 503],
    ['HTTP/1.1 299 Any text, (even) "this"', 299],
  ])('%j is understood', (line, status) => {
    expect(parse(line).status).toBe(status);
  });

  test.each([
    '',
    'SMTP ready',
    'HTTP/2 200 OK',
    'HTTP/1.2 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1  200 OK',
    ' HTTP/1.1 200 OK',
  ])('%j is none', (line) => {
    expect(() => parse(line)).toThrow(broken);
  });
});

describe('header fields', () => {
  test('are known by their names in lower case, without the blanks around their values', () => {
    const { headers } = parse('HTTP/1.1 200 OK', 'ETag:"a"', 'X-Amz-Meta-A: \t b  c \t', 'X-Empty:', 'x-colon: a:b');
    expect({ ...headers }).toEqual({ etag: '"a"', 'x-amz-meta-a': 'b  c', 'x-empty': '', 'x-colon': 'a:b' });
  });

  test('that come more than once are all there, in order', () => {
    const { headers } = parse('HTTP/1.1 200 OK', 'a: 1', 'A: 2', 'a: 3');
    expect(headers['a']).toEqual(['1', '2', '3']);
  });

  test('may have the name of a property that every object has', () => {
    const { headers } = parse('HTTP/1.1 200 OK', '__proto__: x', 'constructor: y');
    expect([headers['__proto__'], headers['constructor'], headers['hasOwnProperty']]).toEqual(['x', 'y', undefined]);
  });

  test('keep each byte beyond ASCII as one character', () => {
    expect(parse('HTTP/1.1 200 OK', 'a: \xe9\xff').headers['a']).toBe('\xe9\xff');
  });

  test.each(['no colon', ': no name', 'bad name: x', 'name : x', ' folded: x', '', 'a: b\rc', 'a: b\nc', 'a: b\0c'])(
    '%j is none',
    (line) => {
      expect(() => parse('HTTP/1.1 200 OK', line)).toThrow(broken);
    },
  );
});

describe('a connection', () => {
  test.each([
    ['HTTP/1.1 200 OK', [], true],
    ['HTTP/1.1 200 OK', ['Connection: close'], false],
    ['HTTP/1.1 200 OK', ['Connection: Foo, CLOSE'], false],
    ['HTTP/1.1 200 OK', ['connection: keep-alive', 'connection: close'], false],
    ['HTTP/1.1 200 OK', ['connection: closed'], true],
    ['HTTP/1.0 200 OK', [], false],
    ['HTTP/1.0 200 OK', ['Connection: Keep-Alive'], true],
  ])('after %j with %j may stay: %j', (line, fields, keepAlive) => {
    expect(parse(line, ...fields).keepAlive).toBe(keepAlive);
  });
});

describe('the end of the body', () => {
  test.each<[number, readonly string[], Framing]>([
    [200, [], { kind: 'until-close' }],
    [200, ['content-length: 0'], { kind: 'length', bytes: 0 }],
    [200, ['content-length: 5497558138880'], { kind: 'length', bytes: 5 * 2 ** 40 }],
    [200, ['content-length: 5', 'content-length: 5'], { kind: 'length', bytes: 5 }],
    [200, ['content-length: 5, 5'], { kind: 'length', bytes: 5 }],
    [200, ['transfer-encoding: Chunked'], { kind: 'chunked' }],
    [200, ['transfer-encoding: identity'], { kind: 'until-close' }],
    [204, [], { kind: 'length', bytes: 0 }],
    [304, ['content-length: 1000'], { kind: 'length', bytes: 0 }],
  ])('of a %d with %j is told by %j', (status, fields, framing) => {
    expect(parse(`HTTP/1.1 ${status} X`, ...fields).framing).toEqual(framing);
  });

  test.each([
    [['content-length: 5', 'content-length: 6']],
    [['content-length: 5, 6']],
    [['content-length:']],
    [['content-length: ,']],
    [['content-length: -1']],
    [['content-length: +1']],
    [['content-length: 1.0']],
    [['content-length: 0x10']],
    [['content-length: 9007199254740992']],
    [['content-length: 5', 'transfer-encoding: chunked']],
    [['transfer-encoding: gzip, chunked']],
    [['transfer-encoding: chunked', 'transfer-encoding: chunked']],
  ])('is not guessed from %j', (fields) => {
    expect(() => parse('HTTP/1.1 200 OK', ...fields)).toThrow(broken);
  });
});
