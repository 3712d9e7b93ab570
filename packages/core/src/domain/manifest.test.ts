import { assert, option, property, string } from 'fast-check';
import { expect, it } from 'vitest';
import { decodeManifestLine, encodeManifestLine } from './manifest.ts';

const name = string({ unit: 'binary' });
const key = string({ unit: 'binary', minLength: 1 });

it('reads back every entry that it writes, each in one line', () => {
  assert(
    property(option(name, { nil: undefined }), key, (dir, ofKey) => {
      const line = encodeManifestLine({ dir, key: ofKey });
      expect(line).not.toMatch(/[\r\n]/);
      expect(decodeManifestLine(line, 'f line 1')).toEqual({ dir, key: ofKey });
      expect(decodeManifestLine(`\uFEFF${line}\r`, 'f line 1')).toEqual({ dir, key: ofKey });
    }),
  );
});

it('reads keys that stand alone as JSON strings', () => {
  assert(
    property(key, (ofKey) => {
      expect(decodeManifestLine(JSON.stringify(ofKey), 'f line 1')).toEqual({ dir: undefined, key: ofKey });
    }),
  );
});

it('passes by what else an object says, and blank lines', () => {
  expect(decodeManifestLine('{"key":"a/b","kind":"missing","dir":""}', 'f line 1')).toEqual({ dir: '', key: 'a/b' });
  expect(decodeManifestLine('{"key":"a/b"}', 'f line 1')).toEqual({ dir: undefined, key: 'a/b' });
  expect(decodeManifestLine(' \t\r', 'f line 1')).toBeUndefined();
});

it.each(['a/b', '{"dir":"a/"}', '{"key":""}', '""', '["a"]', '7', 'null', '{"key":7}', '{"key":"a"', '"\\ud800"'])(
  'refuses %s, and says where it stands',
  (line) => {
    expect(() => decodeManifestLine(line, 'keys.jsonl line 7')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('keys.jsonl line 7') }),
    );
  },
);
