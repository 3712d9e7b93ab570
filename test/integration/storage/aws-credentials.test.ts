import { defaultAwsCredentials } from '@object-transfer/core/storage/aws-credentials';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test('the environment comes first', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKID');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'SECRET');
  vi.stubEnv('AWS_SESSION_TOKEN', 'TOKEN');
  expect(await defaultAwsCredentials()()).toMatchObject({
    accessKeyId: 'AKID',
    secretAccessKey: 'SECRET',
    sessionToken: 'TOKEN',
  });
});

test('missing credentials are a matter of configuration', async () => {
  await expect(defaultAwsCredentials()()).rejects.toMatchObject({ code: 'CONFIG_SECRET_MISSING', retryable: false });
});
