import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers an upload or a compose as if GCS had stored so many other bytes under the name that it was asked for. */
export function answerStoredOtherwise(request: IncomingMessage, response: ServerResponse, bytes: number): void {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    // An upload names its object in the metadata, a compose in the path: `…/o/<name>/compose`.
    const inserted = /"name":"([^"]+)"/.exec(Buffer.concat(pieces).toString('latin1'))?.[1];
    const composed = decodeURIComponent(request.url?.split('/').at(-2) ?? '');
    const name = request.url?.startsWith('/upload/') === true ? inserted : composed;
    const stored = { name, generation: '1', size: String(bytes), crc32c: 'AAAAAA==' };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(stored));
  });
}
