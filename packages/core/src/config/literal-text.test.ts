import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLiteralText } from './literal-text.ts';

describe('parseLiteralText', () => {
  it('reads JSON as JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseLiteralText(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('reads texts as Python prints them', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (texts) => {
        expect(parseLiteralText(pythonDict(texts))).toEqual(texts);
      }),
    );
  });

  it.each([
    ["{'a': True, 'b': False, 'c': None}", { a: true, b: false, c: null }],
    ["{'True': 'None', \"it's\": 'False'}", { True: 'None', "it's": 'False' }],
    ["{'a': ['b', 1, -2.5,],}", { a: ['b', 1, -2.5] }],
    [
      String.raw`['\x41\u00e4\U0001F600\101\0', 'a\
b']`,
      ['Aä😀A\0', 'ab'],
    ],
    [
      String.raw`['\d', '\8', '\x4', '\\n', '\/']`,
      [String.raw`\d`, String.raw`\8`, String.raw`\x4`, '\\n', String.raw`\/`],
    ],
    [String.raw`["\"", '\'', '\a\v']`, ['"', "'", '\u0007\v']],
  ])('reads %s', (text, expected) => {
    expect(parseLiteralText(text)).toEqual(expected);
  });

  it.each(['', '{', "{'a'}", "{'a': b}", "{'a\n': 1}", "{'a': 1} {}", "'a' 'b'"])('refuses %j', (text) => {
    expect(() => parseLiteralText(text)).toThrow(SyntaxError);
  });
});

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\\': '\\\\', "'": "\\'" };

/** As Python's `repr` writes it, with only what must be escaped. */
function pythonText(text: string): string {
  return `'${text.replaceAll(/[\\'\n\r]/g, (character) => ESCAPES[character] ?? character)}'`;
}

function pythonDict(texts: Readonly<Record<string, string>>): string {
  const entries = Object.entries(texts).map(([key, value]) => `${pythonText(key)}: ${pythonText(value)}`);
  return `{${entries.join(', ')}}`;
}
