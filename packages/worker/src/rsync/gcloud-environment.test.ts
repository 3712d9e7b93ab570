import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gcloudEnvironment, gcloudRsyncEnvironment, secretsOf } from './gcloud-environment.ts';

let home: string;
let configuration: string;
const PRIVATE = '/private';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'gcloud-environment-'));
  configuration = join(home, '.config', 'gcloud');
});

afterEach(() => rm(home, { recursive: true }));

describe('the environment of the CLI', () => {
  it('has nothing of ours that it does not need', () => {
    const variables = {
      PATH: '/bin',
      HOME: home,
      https_proxy: 'http://proxy',
      CLOUDSDK_CORE_ACCOUNT: 'me',
      MYSQL_PASSWORD: 'secret',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_PROFILE: 'other',
      CF_PRIVATE_KEY: 'secret',
    };
    const environment = gcloudEnvironment(variables, PRIVATE);
    expect(environment).toMatchObject({
      PATH: '/bin',
      HOME: home,
      https_proxy: 'http://proxy',
      CLOUDSDK_CORE_ACCOUNT: 'me',
      CLOUDSDK_CORE_DISABLE_PROMPTS: 'true',
    });
    expect(Object.values(environment)).not.toContain('secret');
    expect(environment).not.toHaveProperty('AWS_PROFILE');
  });

  it("keeps to the user's configuration, and brings one where there is none", async () => {
    expect(gcloudEnvironment({ HOME: home }, PRIVATE)).toHaveProperty('CLOUDSDK_CONFIG', '/private/config');
    expect(gcloudEnvironment({ HOME: home, CLOUDSDK_CONFIG: '/own' }, PRIVATE)).toHaveProperty(
      'CLOUDSDK_CONFIG',
      '/own',
    );
    await mkdir(configuration, { recursive: true });
    expect(gcloudEnvironment({ HOME: home }, PRIVATE)).not.toHaveProperty('CLOUDSDK_CONFIG');
  });

  it('uses our key file only where nobody has logged in with the CLI', async () => {
    const variables = { HOME: home, GOOGLE_APPLICATION_CREDENTIALS: '/key.json' };
    const override = 'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE';
    expect(gcloudEnvironment(variables, PRIVATE)).toHaveProperty(override, '/key.json');
    const withToken = { ...variables, CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: '/token' };
    expect(gcloudEnvironment(withToken, PRIVATE)).not.toHaveProperty(override);
    await mkdir(configuration, { recursive: true });
    expect(gcloudEnvironment(variables, PRIVATE)).toHaveProperty(override);
    await writeFile(join(configuration, 'credentials.db'), '');
    expect(gcloudEnvironment(variables, PRIVATE)).not.toHaveProperty(override);
  });
});

describe('the environment of a run', () => {
  const aws = { accessKeyId: 'AKIA1', secretAccessKey: 'shhh', sessionToken: 'token' };

  it('has the credentials of AWS, and says which of its values are secret', () => {
    const variables = { HOME: home, CLOUDSDK_AUTH_ACCESS_TOKEN: 'ya29' };
    const environment = gcloudRsyncEnvironment({ variables, aws, awsRegion: 'eu-west-1', directory: PRIVATE });
    expect(environment).toMatchObject({
      AWS_ACCESS_KEY_ID: 'AKIA1',
      AWS_SECRET_ACCESS_KEY: 'shhh',
      AWS_SESSION_TOKEN: 'token',
      AWS_DEFAULT_REGION: 'eu-west-1',
    });
    expect(new Set(secretsOf(environment))).toEqual(new Set(['AKIA1', 'shhh', 'token', 'ya29']));
  });

  it('goes to the real services unless told otherwise', () => {
    const settings = { variables: { HOME: home }, aws, directory: PRIVATE };
    const real = gcloudRsyncEnvironment(settings);
    expect(Object.keys(real).filter((name) => /ENDPOINT|DISABLE_CREDENTIALS/.test(name))).toEqual([]);
    const local = { ...settings, s3EndpointUrl: 'http://127.0.0.1:1', storageEmulatorHost: '127.0.0.1:2/storage/v1' };
    expect(gcloudRsyncEnvironment(local)).toMatchObject({
      CLOUDSDK_STORAGE_S3_ENDPOINT_URL: 'http://127.0.0.1:1',
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: 'http://127.0.0.1:2/storage/v1/',
      CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true',
    });
  });

  it("does not let the user's settings weaken the comparison", () => {
    const variables = { HOME: home, CLOUDSDK_STORAGE_CHECK_HASHES: 'never' };
    const environment = gcloudRsyncEnvironment({ variables, aws, directory: PRIVATE });
    expect(environment['CLOUDSDK_STORAGE_CHECK_HASHES']).toBe('always');
  });
});
