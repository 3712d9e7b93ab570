import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DestinationError } from './errors.ts';
import { allowedName, nameViolation } from './object-name-rules.ts';

describe('a name is', () => {
  test.each([
    'a',
    '...',
    '.a',
    '..a',
    'a/.',
    'a/..',
    './a',
    '/',
    ' ',
    'é😀',
    '[x]*?#',
    '\t\0',
    '.well-known/acme',
    'x/.well-known/acme-challenge/',
  ])('allowed: %j', (name) => {
    expect(nameViolation(name)).toBeUndefined();
    for (const policy of ['fail', 'rename'] as const) {
      expect(allowedName(name, policy, 'key')).toEqual({ name, renamed: false });
    }
  });

  test.each([
    ['', 'empty'],
    ['a\rb', 'carriage return'],
    ['a\n', 'line feed'],
    ['.', '"."'],
    ['..', '".."'],
    ['.well-known/acme-challenge/', 'acme-challenge'],
    ['.well-known/acme-challenge/token', 'acme-challenge'],
    ['a'.repeat(1025), '1025 bytes'],
  ])('forbidden: %j', (name, reason) => {
    expect(nameViolation(name)).toContain(reason);
    expect(() => allowedName(name, 'fail', 'the-key')).toThrow(DestinationError);
    expect(() => allowedName(name, 'fail', 'the-key')).toThrow(
      expect.objectContaining({
        code: 'DESTINATION_NAME_FORBIDDEN',
        retryable: false,
        source: 'the-key',
        destination: name,
        message: expect.stringContaining(reason) as string,
      }),
    );
  });

  test('measured in bytes of UTF-8', () => {
    expect(nameViolation('a'.repeat(1024))).toBeUndefined();
    expect(nameViolation('é'.repeat(512))).toBeUndefined();
    expect(nameViolation(`${'é'.repeat(512)}a`)).toBeDefined();
    expect(nameViolation('😀'.repeat(256))).toBeUndefined();
    expect(nameViolation('😀'.repeat(257))).toBeDefined();
  });
});

describe('the policy rename', () => {
  test.each([
    ['a\r\nb', 'a%0D%0Ab~18745f36'],
    ['.', '%2E~cdb4ee2a'],
    ['..', '%2E%2E~5ec1f7e7'],
    ['.well-known/acme-challenge/token', '%2Ewell-known/acme-challenge/token~36b014a8'],
    ['.well-known/acme-challenge/a\nb', '%2Ewell-known/acme-challenge/a%0Ab~7230b61f'],
  ])('percent-encodes what is forbidden and adds a hash of the original: %j', (name, renamed) => {
    expect(allowedName(name, 'rename', 'key')).toEqual({ name: renamed, renamed: true });
  });

  test('cannot give an empty name another one', () => {
    expect(() => allowedName('', 'rename', 'key')).toThrow(
      expect.objectContaining({ code: 'DESTINATION_NAME_FORBIDDEN' }),
    );
  });

  test('gives no name that another key has', () => {
    const names = [
      'a\nb',
      'a%0Ab',
      'a\rb',
      '.',
      '%2E',
      '..',
      '.well-known/acme-challenge/x',
      '%2Ewell-known/acme-challenge/x',
    ];
    expect(new Set(names.map((name) => allowedName(name, 'rename', 'key').name)).size).toBe(names.length);
    const similar = fc.string({ unit: fc.constantFrom('.', '\r', '\n', '%0D', '%0A', '%2E'), minLength: 1 });
    fc.assert(
      fc.property(similar, similar, (one, two) => {
        fc.pre(one !== two);
        expect(allowedName(one, 'rename', 'key').name).not.toBe(allowedName(two, 'rename', 'key').name);
      }),
    );
  });

  test('shortens a name that only its hash makes too long', () => {
    for (const length of [1015, 1016, 1024]) {
      const { name } = allowedName(`${'a'.repeat(length - 3)}\n`, 'rename', 'key');
      expect(nameViolation(name)).toBeUndefined();
      expect(name).toMatch(length === 1015 ? /a%0A~[0-9a-f]{8}$/ : /a~[0-9a-f]{64}$/);
    }
  });

  test('keeps the start of a long name and tells long names apart', () => {
    const start = 'photos/'.repeat(200);
    const one = allowedName(`${start}1`, 'rename', 'key').name;
    const two = allowedName(`${start}2`, 'rename', 'key').name;
    expect(one).not.toBe(two);
    expect(one.slice(0, 900)).toBe(start.slice(0, 900));
    expect(allowedName(`${start}1`, 'rename', 'key').name).toBe(one);
  });

  test.each(['é', '日', '😀'])('cuts a long name between characters: %s', (character) => {
    // Whatever the offset, the cut falls into a character for some of them.
    for (let offset = 0; offset < 4; offset++) {
      const { name } = allowedName('a'.repeat(offset) + character.repeat(600), 'rename', 'key');
      expect(nameViolation(name)).toBeUndefined();
      expect(name).not.toContain('\uFFFD');
      expect(name).toMatch(new RegExp(`^a*(?:${character})+~[0-9a-f]{64}$`, 'u'));
    }
  });

  test('turns every name but the empty one into an allowed one', () => {
    const nasty = fc.string({
      unit: fc.constantFrom('.', '/', '\r', '\n', 'é', '😀', '\uFFFD', 'x'.repeat(100)),
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.oneof(nasty, fc.string({ unit: 'binary', minLength: 1, maxLength: 2000 })), (name) => {
        const allowed = allowedName(name, 'rename', 'key');
        expect(nameViolation(allowed.name)).toBeUndefined();
        expect(allowed.renamed).toBe(allowed.name !== name);
      }),
    );
  });
});
