import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

export type Encoding = 'br' | 'gzip';

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html */
const MIN_BYTES = 1_000;
const MAX_BYTES = 10_000_000;
const COMPRESSIBLE =
  /^(?:text\/|application\/(?:javascript|x-javascript|json|xml|wasm|rtf|vnd\.ms-fontobject)|image\/svg\+xml|font\/(?:otf|ttf)|[^;]+\+(?:json|xml))/i;

/** The encoding that CloudFront would choose for this viewer, Brotli first; `undefined` for none. */
export function chooseEncoding(acceptEncoding: string | string[] | undefined): Encoding | undefined {
  const accepted = new Set<string>();
  for (const item of String(acceptEncoding ?? '').split(',')) {
    const [name = '', ...parameters] = item.split(';');
    const isRefused = parameters.some((parameter) => /^\s*q=0(?:\.0*)?\s*$/i.test(parameter));
    if (!isRefused) accepted.add(name.trim().toLowerCase());
  }
  if (accepted.has('br')) return 'br';
  return accepted.has('gzip') ? 'gzip' : undefined;
}

/** Whether CloudFront would compress an answer 200 of this kind. */
export function isCompressible(contentType: string, contentEncoding: string | undefined, size: number): boolean {
  return contentEncoding === undefined && size >= MIN_BYTES && size <= MAX_BYTES && COMPRESSIBLE.test(contentType);
}

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);

export async function compress(body: Buffer, encoding: Encoding): Promise<Buffer> {
  if (encoding === 'gzip') return gzipAsync(body);
  return brotliAsync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}
