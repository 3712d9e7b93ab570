/** What a distribution did. */
export class CloudFrontStats {
  requests = 0;
  /** Answered from a copy that was still valid, or had to do because the origin failed. */
  hits = 0;
  /** Answered from a copy that the origin said still holds. */
  refreshHits = 0;
  misses = 0;
  /** Refused by CloudFront itself: signature, method, length. */
  refused = 0;
  originRequests = 0;
  /** Bytes of bodies in answers; counted when the answer begins. */
  bytesSent = 0;
  bytesFromOrigin = 0;
  /** GETs that were let through, by path as requested. Empty unless paths are recorded. */
  readonly getsByPath = new Map<string, number>();

  countGet(path: string): void {
    this.getsByPath.set(path, (this.getsByPath.get(path) ?? 0) + 1);
  }

  reset(): void {
    Object.assign(this, {
      requests: 0,
      hits: 0,
      refreshHits: 0,
      misses: 0,
      refused: 0,
      originRequests: 0,
      bytesSent: 0,
      bytesFromOrigin: 0,
    });
    this.getsByPath.clear();
  }
}
