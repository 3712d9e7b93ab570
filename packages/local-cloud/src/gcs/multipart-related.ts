import { GcsError } from './gcs-error.ts';

/** Receives the two parts of an upload in order: once the metadata, then the bytes in pieces. */
export interface MultipartReceiver {
  /** @param contentType the media part's own, `undefined` when it names none */
  onMetadata(json: string, contentType: string | undefined): void;
  onMedia(bytes: Buffer): void;
}

/** Bounds what is held in memory before the media begins. */
const MAX_HEAD_BYTES = 1_048_576;

/**
 * Takes a `multipart/related` upload apart while it arrives: a JSON part, a media part of any bytes, and the closing boundary. Lines may
 * end with CRLF or with LF alone, as Python's generator writes them; the first line decides for the whole body.
 * @see https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects
 * @see https://www.rfc-editor.org/rfc/rfc2387
 */
export class MultipartRelated {
  readonly #receiver: MultipartReceiver;
  readonly #opening: string;
  #state: 'head' | 'media' | 'closed' = 'head';
  /** Bytes that cannot be judged yet: the head so far, what may begin a boundary, or what follows the last one. */
  #held: Buffer = Buffer.alloc(0);
  #delimiter: Buffer = Buffer.alloc(0);

  /**
   * @param contentType the request's header, e.g. `multipart/related; boundary="x"`; single quotes are taken for quotes too
   * @throws GcsError 400 without a boundary
   */
  constructor(contentType: string | undefined, receiver: MultipartReceiver) {
    const boundary = /;\s*boundary=(?:"([^"]+)"|'([^']+)'|([^\s;]+))/i.exec(contentType ?? '');
    if (boundary === null) throw malformed('the Content-Type names no boundary');
    this.#opening = `--${boundary[1] ?? boundary[2] ?? boundary[3]}`;
    this.#receiver = receiver;
  }

  /** @throws GcsError 400 */
  push(bytes: Buffer): void {
    const joined = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    if (this.#state === 'head') this.#readHead(joined);
    else if (this.#state === 'media') this.#readMedia(joined);
    else this.#held = joined.subarray(0, 2);
  }

  /** @throws GcsError 400 where the body ended early, or holds more than two parts */
  end(): void {
    if (this.#state !== 'closed') throw malformed('the closing boundary is missing');
    if (this.#held.toString('latin1') !== '--') throw malformed('there must be exactly two parts');
  }

  #readHead(bytes: Buffer): void {
    this.#held = bytes;
    if (bytes.length > MAX_HEAD_BYTES) throw malformed('the metadata part is too long');
    const first = bytes.indexOf(this.#opening);
    if (first === -1) return;
    const lineEnd = bytes.indexOf('\n', first);
    if (lineEnd === -1) return;
    const newline = bytes[lineEnd - 1] === 0x0d ? '\r\n' : '\n';
    const delimiter = Buffer.from(newline + this.#opening);
    // The search begins at the line end of the line before: a part without headers has its blank line right there.
    const jsonStart = endOfHeaders(bytes, lineEnd, newline);
    if (jsonStart === -1) return;
    const jsonEnd = bytes.indexOf(delimiter, jsonStart - newline.length);
    if (jsonEnd === -1) return;
    const secondLineEnd = bytes.indexOf('\n', jsonEnd + delimiter.length);
    if (secondLineEnd === -1) return;
    const mediaStart = endOfHeaders(bytes, secondLineEnd, newline);
    if (mediaStart === -1) return;
    // Media that is empty may leave out its line end: the one before the closing boundary is then that of the headers.
    const body = bytes.subarray(mediaStart);
    if (body.length < this.#opening.length && this.#opening.startsWith(body.toString('latin1'))) return;
    const headers = bytes.toString('latin1', secondLineEnd, mediaStart);
    this.#state = 'media';
    this.#delimiter = delimiter;
    this.#held = Buffer.alloc(0);
    this.#receiver.onMetadata(
      bytes.toString('utf8', jsonStart, Math.max(jsonStart, jsonEnd)),
      /^content-type:[ \t]*([^\r\n]*)/im.exec(headers)?.[1]?.trim() || undefined,
    );
    if (body.indexOf(this.#opening) === 0) this.#close(body.subarray(this.#opening.length));
    else this.#readMedia(body);
  }

  #readMedia(bytes: Buffer): void {
    const end = bytes.indexOf(this.#delimiter);
    if (end !== -1) {
      if (end > 0) this.#receiver.onMedia(bytes.subarray(0, end));
      this.#close(bytes.subarray(end + this.#delimiter.length));
      return;
    }
    // Only what may be the beginning of the boundary has to wait for the next piece.
    const doubtful = bytes.indexOf(this.#delimiter[0] ?? 0, Math.max(0, bytes.length - this.#delimiter.length + 1));
    const certain = doubtful === -1 ? bytes.length : doubtful;
    if (certain > 0) this.#receiver.onMedia(bytes.subarray(0, certain));
    this.#held = bytes.subarray(certain);
  }

  #close(rest: Buffer): void {
    this.#state = 'closed';
    this.#held = rest.subarray(0, 2);
  }
}

/** Where a part's body begins, searching from the line end before its headers; -1 when its blank line has not arrived. */
function endOfHeaders(bytes: Buffer, lineEnd: number, newline: string): number {
  const blank = bytes.indexOf(newline + newline, lineEnd + 1 - newline.length);
  return blank === -1 ? -1 : blank + 2 * newline.length;
}

function malformed(detail: string): GcsError {
  return new GcsError(400, 'badRequest', `Malformed multipart body: ${detail}.`);
}
