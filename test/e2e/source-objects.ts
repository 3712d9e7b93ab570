import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';

/** Small objects in subfolders and at the root, each with content of its own: bytes by key. */
export function putNumberedObjects(bucket: Bucket, subfolders: number, objectsEach: number): Map<string, Buffer> {
  const folders = ['', ...Array.from({ length: subfolders }, (_, index) => `folder-${index}/`)];
  const contents = new Map<string, Buffer>();
  for (const folder of folders) {
    for (let index = 0; index < objectsEach; index++) {
      const key = `${folder}object-${String(index).padStart(4, '0')}`;
      contents.set(key, Buffer.from(`content of ${key}`));
    }
  }
  putObjects(bucket, contents);
  return contents;
}

export function putObjects(bucket: Bucket, contents: ReadonlyMap<string, Buffer>): void {
  for (const [key, content] of contents) bucket.put(key, content);
}

export function totalBytes(contents: ReadonlyMap<string, Buffer>): number {
  let total = 0;
  for (const content of contents.values()) total += content.length;
  return total;
}
