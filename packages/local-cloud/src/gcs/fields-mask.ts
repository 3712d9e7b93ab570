import { invalid } from './gcs-error.ts';

/** `true`: the whole value. Otherwise the fields wanted of it. */
type Mask = true | Map<string, Mask>;

/**
 * Reduces a response to what the `fields` parameter names, e.g. `nextPageToken,items(name,size)` or `items/name`.
 * @throws GcsError 400 for an expression that cannot be parsed
 * @see https://cloud.google.com/storage/docs/json_api#partial-response
 */
export function applyFields(value: unknown, expression: string | null): unknown {
  return expression === null || expression === '' || expression === '*' ? value : pick(value, parseFields(expression));
}

function parseFields(expression: string): Mask {
  const tokens = expression.replaceAll(/\s/g, '').match(/[^,/()]+|[,/()]/g) ?? [];
  let position = 0;
  const refuse = (): never => {
    throw invalid(`Invalid field selection ${expression}`);
  };
  const parseList = (): Map<string, Mask> => {
    const mask = new Map<string, Mask>();
    for (;;) {
      parseField(mask);
      if (tokens[position] !== ',') return mask;
      position++;
    }
  };
  const parseField = (mask: Map<string, Mask>): void => {
    const name = tokens[position++];
    if (name === undefined || ',/()'.includes(name)) return refuse();
    const known = mask.get(name);
    const inner = known instanceof Map ? known : new Map<string, Mask>();
    if (tokens[position] === '/') {
      position++;
      parseField(inner);
    } else if (tokens[position] === '(') {
      position++;
      for (const [field, wanted] of parseList()) inner.set(field, wanted);
      if (tokens[position++] !== ')') refuse();
    } else {
      mask.set(name, true);
      return;
    }
    if (known !== true) mask.set(name, inner);
  };
  const mask = parseList();
  if (position !== tokens.length) refuse();
  return mask;
}

function pick(value: unknown, mask: Mask): unknown {
  if (mask === true || mask.has('*') || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => pick(element, mask));
  const picked: Record<string, unknown> = {};
  for (const [field, inner] of mask) {
    const wanted = (value as Record<string, unknown>)[field];
    if (wanted !== undefined) picked[field] = pick(wanted, inner);
  }
  return picked;
}
