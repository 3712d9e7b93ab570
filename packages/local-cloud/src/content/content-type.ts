import type { ObjectAttributes } from './content-store.ts';

const BY_EXTENSION: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  css: 'text/css',
  csv: 'text/csv',
  gif: 'image/gif',
  gz: 'application/gzip',
  htm: 'text/html',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript',
  json: 'application/json',
  md: 'text/markdown',
  mjs: 'text/javascript',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  txt: 'text/plain',
  wasm: 'application/wasm',
  webp: 'image/webp',
  xml: 'application/xml',
  zip: 'application/zip',
};

const DEFAULT_ATTRIBUTES: ObjectAttributes = { contentType: 'binary/octet-stream' };

/** One object per type: what is derived from it is derived once. */
const ATTRIBUTES: ReadonlyMap<string, ObjectAttributes> = new Map(
  Object.entries(BY_EXTENSION).map(([extension, contentType]) => [extension, { contentType }]),
);

/** The content type that an upload tool would have chosen; `binary/octet-stream`, the default of S3, where it knows none. */
export function attributesByExtension(key: string): ObjectAttributes {
  return ATTRIBUTES.get(key.slice(key.lastIndexOf('.') + 1).toLowerCase()) ?? DEFAULT_ATTRIBUTES;
}
