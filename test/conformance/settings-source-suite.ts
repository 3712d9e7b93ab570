import { describe, expect, it } from 'vitest';
import type { SettingsSource } from '@object-transfer/core/ports/settings-source';

export interface SettingsSourceHarness {
  /** A source that holds these settings. */
  open(settings: Readonly<Record<string, unknown>>): Promise<SettingsSource>;
  close(): Promise<void>;
}

/** What every source of settings holds to. */
export function describeSettingsSource(name: string, start: () => Promise<SettingsSourceHarness>): void {
  describe(`${name} as a source of settings`, () => {
    it.each<[string, Readonly<Record<string, unknown>>]>([
      ['nothing', {}],
      ['text, numbers and flags', { s3_bucket: 'photos', processes: 4, allow_direct_s3: false }],
      [
        'text that looks like something else',
        { s3_root_prefix: '007', gcs_root_prefix: 'true', last_modified_after: '' },
      ],
      ['lists and maps', { include: ['a/**', 'b # c'], replace_key_parts: { 'ä/': '%', 'x: y': '' } }],
      ['fractions, negative numbers and fields left empty', { ratio: 0.25, below: -3, aws_region: null }],
      [
        'maps and lists in each other',
        { rules: [{ when: { class: 'GLACIER' }, use: ['fail', 1, true] }, {}], none: [], nothing: {} },
      ],
      ['long text, line by line', { pull_query: `SELECT dir_key\n    FROM t\n${'-- ä\n'.repeat(1000)}` }],
      ['names like those of objects everywhere', { toString: 'a', constructor: { valueOf: 'b' } }],
      ['fields that nobody knows', { s3_bucktet: 'photos' }],
    ])('gives %s by field name, as it was given', async (_what, settings) => {
      const harness = await start();
      const source = await harness.open(settings);
      expect(await source.readSettings()).toEqual(settings);
      expect(await source.readSettings()).toEqual(settings);
      expect(source.description).not.toBe('');
      await harness.close();
    });
  });
}
