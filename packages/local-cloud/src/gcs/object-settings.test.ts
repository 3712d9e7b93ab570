import { describe, expect, it } from 'vitest';
import { GcsError } from './gcs-error.ts';
import { mergeSettings, newSettings, readSettings } from './object-settings.ts';

const create = (body: unknown) => newSettings(readSettings(body), 'STANDARD');

describe('settings of an object', () => {
  it('default to a binary type and the class of the bucket', () => {
    expect(create({})).toEqual({ contentType: 'application/octet-stream', storageClass: 'STANDARD' });
    expect(newSettings(readSettings({}), 'NEARLINE', 'text/plain')).toEqual({
      contentType: 'text/plain',
      storageClass: 'NEARLINE',
    });
  });

  it('merge with a patch: null removes a field, or one key of the metadata', () => {
    const before = create({ cacheControl: 'no-store', contentLanguage: 'de', metadata: { a: '1', b: '2' } });
    const after = mergeSettings(before, readSettings({ cacheControl: null, metadata: { a: null, c: '3' } }));
    expect(after).toEqual({
      contentType: 'application/octet-stream',
      storageClass: 'STANDARD',
      contentLanguage: 'de',
      metadata: { b: '2', c: '3' },
    });
    expect(mergeSettings(before, readSettings({ metadata: null }))).not.toHaveProperty('metadata');
  });

  it('keep a metadata key that is called like a property of every object', () => {
    expect(create(JSON.parse('{"metadata":{"__proto__":"x","constructor":"y"}}')).metadata).toEqual(
      JSON.parse('{"__proto__":"x","constructor":"y"}'),
    );
  });

  it('take 8,192 bytes of custom metadata and not one more', () => {
    expect(create({ metadata: { ü: 'x'.repeat(8_190) } }).metadata).toBeDefined();
    expect(() => create({ metadata: { ü: 'x'.repeat(8_191) } })).toThrow(/8192/);
  });

  it.each([
    [[]],
    [{ contentType: 5 }],
    [{ metadata: 'x' }],
    [{ metadata: { a: 1 } }],
    [{ metadata: { '': 'x' } }],
    [{ storageClass: 'COLD' }],
    [{ customTime: 'tomorrow' }],
    [{ temporaryHold: 'yes' }],
  ])('refuse %j', (body) => {
    expect(() => create(body)).toThrow(GcsError);
  });
});
