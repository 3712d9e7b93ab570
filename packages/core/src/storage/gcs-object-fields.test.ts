import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeCrc32c, encodeMd5, toDestinationObject, toNamedObject } from './gcs-object-fields.ts';

const RESOURCE = { name: 'n', size: '5', generation: '1700000000000001' };

test('checksums survive the way to GCS and back', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.uint8Array({ minLength: 16, maxLength: 16 }), (crc32c, md5Bytes) => {
      const md5 = Buffer.from(md5Bytes).toString('hex');
      const resource = { ...RESOURCE, crc32c: encodeCrc32c(crc32c), md5Hash: encodeMd5(md5) };
      expect(toDestinationObject(resource)).toMatchObject({ crc32c, md5 });
    }),
  );
});

test('the CRC32C is sent with its most significant byte first', () => {
  expect(encodeCrc32c(0x01020304)).toBe(Buffer.from([1, 2, 3, 4]).toString('base64'));
});

test('a composite object has no MD5', () => {
  expect(toDestinationObject(RESOURCE)).toEqual({
    name: 'n',
    sizeBytes: 5,
    generation: '1700000000000001',
    crc32c: undefined,
    md5: undefined,
    sourceEtag: undefined,
  });
});

test.each([null, 'text', {}, { ...RESOURCE, size: 5 }, { ...RESOURCE, size: '-1' }, { ...RESOURCE, generation: 7 }])(
  '%j is no object resource',
  (resource) => {
    expect(() => toDestinationObject(resource)).toThrow(TypeError);
  },
);

test('an answer about another object is none', () => {
  expect(toNamedObject(RESOURCE, 'n')).toMatchObject({ name: 'n' });
  expect(() => toNamedObject(RESOURCE, 'folder/n')).toThrow('the answer is about "n"');
});
