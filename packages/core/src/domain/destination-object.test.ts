import { describe, expect, test } from 'vitest';
import { compareWithSource, type DestinationObject, type Evidence } from './destination-object.ts';

const MD5 = '900150983cd24fb0d6963f7d28e17f72';
const OTHER_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
const MULTIPART = `${MD5}-3`;

function evidence(etag: string, found: Partial<DestinationObject>): Evidence {
  return compareWithSource(
    { key: 'k', sizeBytes: 3, etag },
    {
      name: 'k',
      sizeBytes: 3,
      generation: '1',
      crc32c: 1,
      md5: undefined,
      sourceEtag: undefined,
      ...found,
    },
  );
}

describe('a destination object is', () => {
  test.each<[Evidence, string, string, Partial<DestinationObject>]>([
    ['different', 'another size, whatever else agrees', MD5, { sizeBytes: 4, md5: MD5, sourceEtag: MD5 }],
    ['equal', 'the MD5 is the ETag', MD5, { md5: MD5 }],
    ['different', 'the MD5 is not the ETag', MD5, { md5: OTHER_MD5 }],
    ['equal', 'the kept source ETag is the ETag', MD5, { sourceEtag: MD5 }],
    [
      'equal',
      'the kept source ETag outweighs the MD5 of an object under KMS',
      MD5,
      { md5: OTHER_MD5, sourceEtag: MD5 },
    ],
    ['equal', 'the MD5 outweighs another kept source ETag', MD5, { md5: MD5, sourceEtag: MULTIPART }],
    ['different', 'neither agrees', MD5, { md5: OTHER_MD5, sourceEtag: MULTIPART }],
    ['different', 'there is only another source ETag', MD5, { sourceEtag: OTHER_MD5 }],
    ['unproven', 'there is nothing but the size', MD5, {}],
    ['equal', 'a multipart ETag was kept', MULTIPART, { md5: OTHER_MD5, sourceEtag: MULTIPART }],
    ['different', 'another multipart ETag was kept', MULTIPART, { md5: OTHER_MD5, sourceEtag: `${MD5}-4` }],
    ['unproven', 'an MD5 says nothing about a multipart ETag', MULTIPART, { md5: MD5 }],
  ])('%s where %s', (wanted, _reason, etag, found) => {
    expect(evidence(etag, found)).toBe(wanted);
  });
});
