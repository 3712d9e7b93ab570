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

test('an attribute may hold what ends a tag elsewhere', () => {
  const page = PAGE.replace('<Key>', `<Key a='x>y' b="/">`).replace('<Prefix/>', '<Prefix a="/>" />');
  expect(parseS3ListPage(page)).toEqual(parseS3ListPage(PAGE));
});

test('an element that nobody asks for may be as deep as it likes', () => {
  const owner = `${'<Owner>'.repeat(100_000)}${'</Owner>'.repeat(100_000)}`;
  expect(parseS3ListPage(PAGE.replace('<Owner>', `${owner}<Owner>`))).toEqual(parseS3ListPage(PAGE));
});

test('a count of the objects alone is no loss where there are prefixes, too', () => {
  const page = PAGE.replace('<Contents>', '<KeyCount>1</KeyCount><Contents>');
  expect(parseS3ListPage(page)).toEqual(parseS3ListPage(PAGE));
});

test.each([
  ['a missing IsTruncated', PAGE.replace(/<IsTruncated>.*<\/IsTruncated>/, '')],
  ['an IsTruncated that is neither', PAGE.replace('>true<', '>maybe<')],
  ['a size that is no number', PAGE.replace('5368709120', '5e9')],
  ['a date that is none', PAGE.replace('2024-02-03T04:05:06.000Z', 'today')],
  ['two keys in one entry', PAGE.replace('<Size>', '<Key>b</Key><Size>')],
  ['two IsTruncated', PAGE.replace('<Contents>', '<IsTruncated>false</IsTruncated><Contents>')],
  ['fewer entries than it counts', PAGE.replace('<Contents>', '<KeyCount>3</KeyCount><Contents>')],
  ['half a surrogate pair in a key', PAGE.replace('a+b', '&#xD83D;')],
  ['half a surrogate pair in a prefix', PAGE.replace('x%0Ay', '&#xDE00;')],
  ['an attribute without its quotes', PAGE.replace('<Key>', '<Key a=b>')],
  ['an attribute without end', PAGE.replace('<Key>', '<Key a="b>')],
  ['elements within elements without end', PAGE.replace('<Owner>', '<Owner>'.repeat(100_000))],
  ['tags that do not fit', PAGE.replace('</Owner>', '</Owned>')],
  ['a comment', PAGE.replace('<Name>', '<!-- --><Name>')],
  ['another document', '<Error><Code>AccessDenied</Code></Error>'],
])('%s is no page', (_, body) => {
  expect(() => parseS3ListPage(body)).toThrow(XmlSyntaxError);
});
