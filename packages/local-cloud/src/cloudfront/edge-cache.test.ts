import { describe, expect, it } from 'vitest';
import { type CachedAnswer, EdgeCache } from './edge-cache.ts';

describe('EdgeCache', () => {
  it('lets the copies go that were not used for longest', () => {
    const cache = new EdgeCache(100);
    cache.set('a', answer('/a', 40));
    cache.set('b', answer('/b', 40));
    cache.get('a');
    cache.set('c', answer('/c', 40));
    expect(['a', 'b', 'c'].filter((key) => cache.get(key) !== undefined)).toEqual(['a', 'c']);
    expect(cache.bytes).toBe(80);
  });

  it('keeps nothing that is larger than all of it, and forgets what that replaces', () => {
    const cache = new EdgeCache(100);
    cache.set('a', answer('/a', 40));
    cache.set('a', answer('/a', 101));
    expect(cache.get('a')).toBeUndefined();
    expect(cache.bytes).toBe(0);
  });

  it('invalidates by path', () => {
    const cache = new EdgeCache(100);
    cache.set('1', answer('/photos/a', 10));
    cache.set('2', answer('/videos/a', 10));
    cache.invalidate('/photos/*');
    expect(cache.get('1')).toBeUndefined();
    expect(cache.get('2')).toBeDefined();
  });
});

function answer(path: string, size: number): CachedAnswer {
  const body = Buffer.alloc(size);
  return {
    path,
    status: 200,
    headers: [],
    etag: '"x"',
    originEtag: '"x"',
    lastModifiedMs: 0,
    body,
    storedAtMs: 0,
    expiresAtMs: 1,
  };
}
