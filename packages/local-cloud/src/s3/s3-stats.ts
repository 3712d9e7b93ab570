const S3_OPERATIONS = [
  'AbortMultipartUpload',
  'CompleteMultipartUpload',
  'CreateBucket',
  'CreateMultipartUpload',
  'DeleteObject',
  'DeleteObjects',
  'GetBucketLocation',
  'GetObject',
  'HeadBucket',
  'HeadObject',
  'ListBuckets',
  'ListObjects',
  'ListObjectsV2',
  'PutObject',
  'UploadPart',
] as const;

export type S3Operation = (typeof S3_OPERATIONS)[number];

/** What the server was asked for, by operation, whether it could answer or not. */
export class S3Stats {
  readonly operations: Record<S3Operation, number>;
  /** Bytes of objects in answers; counted when the answer begins. */
  bytesSent = 0;
  bytesReceived = 0;
  errors = 0;
  /** How often the bytes of an object were asked for, ranges included, by `bucket/key`. Empty unless keys are recorded. */
  readonly getsByObject = new Map<string, number>();
  readonly #recordsKeys: boolean;

  constructor(recordsKeys: boolean) {
    this.#recordsKeys = recordsKeys;
    this.operations = zeroes();
  }

  countGet(bucket: string, key: string): void {
    if (!this.#recordsKeys) return;
    const name = `${bucket}/${key}`;
    this.getsByObject.set(name, (this.getsByObject.get(name) ?? 0) + 1);
  }

  reset(): void {
    Object.assign(this.operations, zeroes());
    this.bytesSent = 0;
    this.bytesReceived = 0;
    this.errors = 0;
    this.getsByObject.clear();
  }
}

function zeroes(): Record<S3Operation, number> {
  return Object.fromEntries(S3_OPERATIONS.map((name) => [name, 0])) as Record<S3Operation, number>;
}
