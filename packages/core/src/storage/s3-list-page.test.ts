import { expect, test } from 'vitest';
import { parseS3ListPage } from './s3-list-page.ts';
import { XmlSyntaxError } from './xml-scanner.ts';

const PAGE = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>b</Name>
  <Prefix/>
  <StartAfter></StartAfter>
  <IsTruncated>true</IsTruncated>
  <Contents>
    <Key>a+b%2Bc%26%C3%A9</Key>
    <LastModified>2024-02-03T04:05:06.000Z</LastModified>
    <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e-3&quot;</ETag>
    <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>
    <Size>5368709120</Size>
    <Owner><ID>1</ID><DisplayName/></Owner>
    <RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>
    <StorageClass>GLACIER</StorageClass>
  </Contents>
  <CommonPrefixes><Prefix>x%0Ay/</Prefix></CommonPrefixes>
  <EncodingType>url</EncodingType>
  <NextContinuationToken>1ueG&amp;cetera==</NextContinuationToken>
</ListBucketResult>
`;

test('a page is read whatever the order of its elements and the space between them', () => {
  expect(parseS3ListPage(PAGE)).toEqual({
    objects: [
      {
        key: 'a b+c&é',
        sizeBytes: 5_368_709_120,
        etag: 'd41d8cd98f00b204e9800998ecf8427e-3',
        lastModified: new Date('2024-02-03T04:05:06Z'),
        storageClass: 'GLACIER',
      },
    ],
    commonPrefixes: ['x\ny/'],
    truncated: true,
    nextContinuationToken: '1ueG&cetera==',
  });
});

test('keys that are not URL-encoded are left as they are', () => {
  const plain = PAGE.replace('<EncodingType>url</EncodingType>', '').replace(
    'a+b%2Bc%26%C3%A9',
    'a+b%2B&amp;&#x6771;&#9;',
  );
  expect(parseS3ListPage(plain).objects[0]?.key).toBe('a+b%2B&東\t');
});

test('no beginning of a page passes for a page', () => {
  for (let length = 0; length < PAGE.trimEnd().length; length++) {
    expect(() => parseS3ListPage(PAGE.slice(0, length))).toThrow(XmlSyntaxError);
  }
});

test.each([
  ['a missing IsTruncated', PAGE.replace(/<IsTruncated>.*<\/IsTruncated>/, '')],
  ['an IsTruncated that is neither', PAGE.replace('>true<', '>maybe<')],
  ['a size that is no number', PAGE.replace('5368709120', '5e9')],
  ['a date that is none', PAGE.replace('2024-02-03T04:05:06.000Z', 'today')],
  ['tags that do not fit', PAGE.replace('</Owner>', '</Owned>')],
  ['a comment', PAGE.replace('<Name>', '<!-- --><Name>')],
  ['another document', '<Error><Code>AccessDenied</Code></Error>'],
])('%s is no page', (_, body) => {
  expect(() => parseS3ListPage(body)).toThrow(XmlSyntaxError);
});
