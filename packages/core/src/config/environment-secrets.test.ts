import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentSecrets } from './environment-secrets.ts';

describe('EnvironmentSecrets', () => {
  it('finds a secret under its id in upper case', async () => {
    const secrets = new EnvironmentSecrets({ OBJECT_TRANSFER_SECRET_CDN_SIGNING_KEY_1: 'pem' });
    expect(await secrets.readSecret('cdn-signing.key/1')).toBe('pem');
  });

  it.each([{}, { OBJECT_TRANSFER_SECRET_SIGNER: '' }])(
    'names the variable where it is not set',
    async (environment) => {
      await expect(new EnvironmentSecrets(environment).readSecret('signer')).rejects.toMatchObject({
        code: 'CONFIG_SECRET_MISSING',
        message: expect.stringContaining('OBJECT_TRANSFER_SECRET_SIGNER') as unknown,
      });
    },
  );

  it('reads env:NAME from the variable of that name', async () => {
    expect(await new EnvironmentSecrets({ cdn_key: 'pem' }).readSecret('env:cdn_key')).toBe('pem');
    await expect(new EnvironmentSecrets({}).readSecret('env:cdn_key')).rejects.toThrow('variable cdn_key is not set');
  });

  it('reads file:PATH from the file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'secrets-'));
    const path = join(directory, 'key.pem');
    await writeFile(path, 'pem\n');
    const secrets = new EnvironmentSecrets({});
    expect(await secrets.readSecret(`file:${path}`)).toBe('pem\n');
    await rm(directory, { recursive: true });
    await expect(secrets.readSecret(`file:${path}`)).rejects.toMatchObject({
      code: 'CONFIG_SECRET_MISSING',
      message: expect.stringContaining(path) as unknown,
    });
  });
});
