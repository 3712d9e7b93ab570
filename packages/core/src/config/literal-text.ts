import JSON5 from 'json5';

/** Strings of both kinds of quotes, and words that Python spells in its own way. */
const TOKENS = /'(?:\\[^]|[^'\\\n])*'|"(?:\\[^]|[^"\\\n])*"|\b(?:True|False|None)\b/g;

/**
 * Reads JSON, or a dict or list as Python prints it: `{'a': True, 'b': None}`. In the Python form, escapes mean what they
 * mean in Python, so that a password comes out as the reference tool read it.
 * @throws SyntaxError whose message quotes the text: for text that is not secret only
 * @see https://docs.python.org/3/reference/lexical_analysis.html#escape-sequences
 */
export function parseLiteralText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Then it is Python's, or the parser behind this says what it is not.
    return JSON5.parse(text.replaceAll(TOKENS, jsonToken));
  }
}

const WORDS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

function jsonToken(token: string): string {
  return WORDS[token] ?? JSON.stringify(token.slice(1, -1).replaceAll(ESCAPES, unescaped));
}

const ESCAPES = /\\(?:\r\n|[0-7]{1,3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^])/g;

const SINGLE_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '',
  '\r\n': '',
};

/** Python leaves a backslash before any other character where it stands. */
function unescaped(escape: string): string {
  const rest = escape.slice(1);
  const single = SINGLE_ESCAPES[rest];
  if (single !== undefined) return single;
  if (/^[0-7]/.test(rest)) return String.fromCodePoint(Number.parseInt(rest, 8));
  if (!/^[xuU]./.test(rest)) return escape;
  const codePoint = Number.parseInt(rest.slice(1), 16);
  return codePoint > 0x10_ff_ff ? escape : String.fromCodePoint(codePoint);
}
