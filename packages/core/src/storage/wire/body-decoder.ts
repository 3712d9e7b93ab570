import type { Framing } from './response-head.ts';
import { WireError } from './wire-error.ts';

/** Takes the framing out of a body, in place. */
export interface BodyDecoder {
  /** True once the body is complete. */
  readonly ended: boolean;
  /**
   * Decodes `block[start, end)`, what has just arrived, to the front of that span.
   * @returns where the decoded bytes end
   * @throws WireError `WIRE_PROTOCOL` for framing that is none, or bytes beyond the end
   */
  decode(block: Buffer, start: number, end: number): number;
  /** The connection was closed. @returns whether that ends the body well */
  close(): boolean;
}

export function createBodyDecoder(framing: Framing): BodyDecoder {
  switch (framing.kind) {
    case 'length':
      return new LengthDecoder(framing.bytes);
    case 'chunked':
      return new ChunkedDecoder();
    case 'until-close':
      return { ended: false, decode: (_block, _start, end) => end, close: () => true };
  }
}

class LengthDecoder implements BodyDecoder {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get ended(): boolean {
    return this.#left === 0;
  }

  decode(_block: Buffer, start: number, end: number): number {
    if (end - start > this.#left) throw beyondEnd();
    this.#left -= end - start;
    return end;
  }

  close(): boolean {
    return this.#left === 0;
  }
}

type ChunkState = 'size' | 'data' | 'data-end' | 'trailer' | 'ended';

/** Longer than any size line or trailer line that makes sense. */
const MAX_LINE_BYTES = 8192;

/** @see https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
class ChunkedDecoder implements BodyDecoder {
  #state: ChunkState = 'size';
  #left = 0;
  /** A line that has not come to its end yet. */
  #line = '';

  get ended(): boolean {
    return this.#state === 'ended';
  }

  decode(block: Buffer, start: number, end: number): number {
    let decodedEnd = start;
    let at = start;
    while (at < end) {
      if (this.#state === 'ended') throw beyondEnd();
      if (this.#state === 'data') {
        const taken = Math.min(this.#left, end - at);
        if (decodedEnd !== at) block.copyWithin(decodedEnd, at, at + taken);
        decodedEnd += taken;
        at += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const lineFeed = block.indexOf(0x0a, at);
      const lineEnd = lineFeed === -1 || lineFeed >= end ? end : lineFeed + 1;
      this.#line += block.toString('latin1', at, lineEnd);
      at = lineEnd;
      if (this.#line.endsWith('\n')) this.#takeLine();
      else if (this.#line.length > MAX_LINE_BYTES) throw noChunk();
    }
    return decodedEnd;
  }

  close(): boolean {
    return this.ended;
  }

  #takeLine(): void {
    if (!this.#line.endsWith('\r\n')) throw noChunk();
    const line = this.#line.slice(0, -2);
    this.#line = '';
    switch (this.#state) {
      case 'size': {
        const size = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line)?.[1];
        if (size === undefined) throw noChunk();
        this.#left = Number.parseInt(size, 16);
        this.#state = this.#left === 0 ? 'trailer' : 'data';
        return;
      }
      case 'data-end':
        if (line !== '') throw noChunk();
        this.#state = 'size';
        return;
      default:
        // A trailer; an empty line is the end of them.
        if (line === '') this.#state = 'ended';
    }
  }
}

function beyondEnd(): WireError {
  return new WireError('WIRE_PROTOCOL', 'the answer goes on beyond its end');
}

function noChunk(): WireError {
  return new WireError('WIRE_PROTOCOL', 'the answer has a chunk that is none');
}
