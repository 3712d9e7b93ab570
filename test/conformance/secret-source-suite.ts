import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { SecretSource } from '@object-transfer/core/ports/secret-source';

export interface SecretSourceHarness {
  readonly source: SecretSource;
  /** Puts the secret where the source looks for it, in place of the one before. @returns its id, always the same */
  store(value: string): Promise<string>;
  /** An id under which there is nothing. */
  readonly missingId: string;
  close(): Promise<void>;
}

/** What every source of secrets holds to. */
export function describeSecretSource(name: string, open: () => Promise<SecretSourceHarness>): void {
  describe(`${name} as a source of secrets`, () => {
    it('gives a secret as it was stored, line by line', async () => {
      const harness = await open();
      const value = '-----BEGIN KEY-----\nä + / =\n-----END KEY-----\n';
      expect(await harness.source.readSecret(await harness.store(value))).toBe(value);
      await harness.close();
    });

    it.each<[string, string]>([
      ['without an end of line', 'text'],
      ['with spaces and ends of line around it', '\n  text \r\n\n'],
      ['with a byte order mark', '\uFEFFtext'],
      ['of 60 KiB', 'ä'.repeat(30 * 1024)],
    ])('gives a secret %s unchanged', async (_what, value) => {
      const harness = await open();
      expect(await harness.source.readSecret(await harness.store(value))).toBe(value);
      await harness.close();
    });

    it('gives the value that was stored last', async () => {
      const harness = await open();
      const id = await harness.store('before');
      expect(await harness.source.readSecret(id)).toBe('before');
      expect(await harness.store('after')).toBe(id);
      expect(await harness.source.readSecret(id)).toBe('after');
      await harness.close();
    });

    it('names the id of a secret that is missing, and no other secret', async () => {
      const harness = await open();
      await harness.store('do not tell');
      const error: unknown = await harness.source.readSecret(harness.missingId).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toMatchObject({ code: 'CONFIG_SECRET_MISSING', source: harness.missingId });
      expect(String(error)).toContain(harness.missingId);
      expect(String(error)).not.toContain('do not tell');
      await harness.close();
    });
  });
}
