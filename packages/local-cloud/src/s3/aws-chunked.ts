import { S3Error } from './s3-error.ts';

const CRLF = Buffer.from('\r\n');
const MAX_LINE_BYTES = 16 * 1024;

/**
 * Undoes the `aws-chunked` encoding, in which SDKs send bodies with signed chunks or trailing checksums
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html). Chunk signatures are not verified.
 */
export class AwsChunkedDecoder {
  readonly chunks: Buffer[] = [];
  /** Names in lower case. Complete once `end` was called. */
  readonly trailers = new Map<string, string>();
  #state: 'size' | 'data' | 'dataEnd' | 'trailers' | 'done' = 'size';
  #rest: Buffer = Buffer.alloc(0);
  #remaining = 0;

  /** @throws S3Error InvalidChunkSizeError, IncompleteBody */
  write(input: Buffer): void {
    let data = this.#rest.length === 0 ? input : Buffer.concat([this.#rest, input]);
    this.#rest = Buffer.alloc(0);
    while (data.length > 0 && this.#state !== 'done') {
      if (this.#state === 'data') {
        const piece = data.subarray(0, this.#remaining);
        this.chunks.push(piece);
        this.#remaining -= piece.length;
        data = data.subarray(piece.length);
        if (this.#remaining === 0) this.#state = 'dataEnd';
        continue;
      }
      const end = data.indexOf(CRLF);
      if (end < 0) {
        if (data.length > MAX_LINE_BYTES) throw incompleteBody();
        this.#rest = data;
        return;
      }
      this.#readLine(data.toString('latin1', 0, end));
      data = data.subarray(end + CRLF.length);
    }
  }

  /** @throws S3Error IncompleteBody when the last chunk has not come */
  end(): void {
    // Some clients leave out the empty line behind the trailers.
    if (this.#state === 'trailers' && this.#rest.length > 0) this.#readLine(this.#rest.toString('latin1'));
    if (this.#state !== 'done' && this.#state !== 'trailers') throw incompleteBody();
  }

  #readLine(line: string): void {
    switch (this.#state) {
      case 'size': {
        const match = /^([0-9a-f]{1,12})(?:;.*)?$/i.exec(line);
        if (match === null) throw new S3Error(400, 'InvalidChunkSizeError', 'Chunk size is not a number');
        this.#remaining = Number.parseInt(match[1] ?? '', 16);
        this.#state = this.#remaining === 0 ? 'trailers' : 'data';
        return;
      }
      case 'dataEnd':
        if (line !== '') throw incompleteBody();
        this.#state = 'size';
        return;
      case 'trailers': {
        if (line === '') {
          this.#state = 'done';
          return;
        }
        const colon = line.indexOf(':');
        if (colon > 0) this.trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
        return;
      }
      case 'data':
      case 'done':
        return;
    }
  }
}

function incompleteBody(): S3Error {
  return new S3Error(400, 'IncompleteBody', 'The request body terminated unexpectedly');
}
