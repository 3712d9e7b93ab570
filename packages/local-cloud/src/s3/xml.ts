import { XMLParser } from 'fast-xml-parser';
import { malformedXml } from './s3-error.ts';

export const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
export const S3_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

// eslint-disable-next-line no-control-regex -- these are the characters in question
const SPECIAL = /[&<>"\u0000-\u0008\u000b\u000c\r\u000e-\u001f]/;
// eslint-disable-next-line no-control-regex -- as above
const SPECIAL_ALL = /[&<>"\u0000-\u0008\u000b\u000c\r\u000e-\u001f]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * Text inside an element. Control characters become references that XML 1.0 forbids, as S3 writes them: who lists such
 * keys has to ask for `encoding-type=url`.
 */
export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replaceAll(
    SPECIAL_ALL,
    (character) => ENTITIES[character] ?? `&#x${character.charCodeAt(0).toString(16)};`,
  );
}

const REFERENCE = /&(?:#x([0-9a-f]+)|#(\d+)|(amp|lt|gt|quot|apos));/gi;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Undoes `escapeXml`. References are resolved here: the parser knows no control characters and caps their number. */
function unescapeXml(text: string): string {
  return text.replaceAll(REFERENCE, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return NAMED[name] ?? whole;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  removeNSPrefix: true,
});

/**
 * The elements `name` directly under `root`, each as its child texts.
 * @throws S3Error MalformedXML
 */
export function readElements(document: string, root: string, name: string): Readonly<Record<string, string>>[] {
  let tree: Record<string, unknown>;
  try {
    tree = parser.parse(document) as Record<string, unknown>;
  } catch {
    throw malformedXml();
  }
  const top = tree[root];
  if (typeof top !== 'object' || top === null) throw malformedXml();
  const found = (top as Record<string, unknown>)[name];
  return [found].flat().flatMap((element) => (typeof element === 'object' && element !== null ? [texts(element)] : []));
}

function texts(element: object): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(element)) if (typeof value === 'string') result[name] = unescapeXml(value);
  return result;
}
