import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContentSource } from './content-store.ts';
import { LayeredContent } from './layered-content.ts';
import { MemoryContent, MemoryObject } from './memory-content.ts';

const key = fc.constantFrom('a', 'a/', 'a/b', 'b', '\u{1f600}', '\ue000', '');
const step = fc.record({ action: fc.constantFrom('put', 'delete', 'list'), key });

describe('layered content', () => {
  it('shows what the layers and the writes upon them add up to', () => {
    fc.assert(
      fc.property(fc.array(fc.array(key), { maxLength: 3 }), fc.array(step), key, (layers, steps, from) => {
        const content = new LayeredContent(layers.map((keys, index) => filled(keys, `layer ${index}`)));
        const expected = new Map<string, string>();
        for (const [index, keys] of [...layers.entries()].toReversed())
          for (const one of keys) expected.set(one, `layer ${index}`);
        for (const [index, { action, key: one }] of steps.entries()) {
          if (action === 'put') content.put(one, object(`write ${index}`));
          if (action === 'put') expected.set(one, `write ${index}`);
          if (action === 'delete') content.delete(one);
          if (action === 'delete') expected.delete(one);
          if (action === 'list') content.cursor('');
        }
        const keys = [...expected.keys()].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const wanted = keys.filter((one) => Buffer.compare(Buffer.from(one), Buffer.from(from)) >= 0);
        expect(listed(content, from)).toEqual(wanted.map((one) => [one, expected.get(one)]));
      }),
    );
  });

  it('seeks in all layers', () => {
    const content = new LayeredContent([filled(['a', 'c', 'e'], 'x'), filled(['b', 'd', 'f'], 'y')]);
    content.delete('d');
    const cursor = content.cursor('b');
    cursor.seek('c1');
    expect(cursor.key).toBe('e');
    cursor.seek('b');
    expect(cursor.key).toBe('e');
  });
});

function filled(keys: readonly string[], text: string): ContentSource {
  const content = new MemoryContent();
  for (const one of keys) content.put(one, object(text));
  return content;
}

function object(text: string): MemoryObject {
  return new MemoryObject([Buffer.from(text)]);
}

function listed(content: ContentSource, from: string): [string, string][] {
  const found: [string, string][] = [];
  for (const cursor = content.cursor(from); cursor.key !== undefined; cursor.advance()) {
    const stored = cursor.stat() as MemoryObject;
    found.push([cursor.key, Buffer.from(stored.open(0, stored.size) as Uint8Array).toString()]);
  }
  return found;
}
