import { status } from '@grpc/grpc-js';
import { crc32c } from '@node-rs/crc32';
import type { Patience } from '@object-transfer/core/config/call-google-service';
import { openSecretManagerSecrets } from '@object-transfer/core/config/secret-manager-secrets';
import { loadServices } from '@object-transfer/local-cloud/grpc/load-service';
import { startGrpcServer } from '@object-transfer/local-cloud/grpc/start-grpc-server';
import { unaryMethods } from '@object-transfer/local-cloud/grpc/unary-methods';
import {
  startSecretManagerServer,
  type SecretManagerServer,
} from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSecretManager } from './google-clients.ts';
import { startSilentServer } from './silent-server.ts';

const PROJECT = 'migration-project';
const IMPATIENT: Patience = {
  attemptTimeoutMs: 200,
  totalTimeoutMs: 2_000,
  retries: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 2 },
};

let server: SecretManagerServer;
let client: ReturnType<typeof openSecretManager>;

beforeAll(async () => {
  server = await startSecretManagerServer();
  client = openSecretManager(server.host);
});
afterEach(() => server.faults.allow());
afterAll(async () => {
  await client.close();
  await server.close();
});

async function read(secretId: string, emulatorHost = server.host): Promise<string> {
  const secrets = openSecretManagerSecrets({ projectId: PROJECT, emulatorHost, patience: IMPATIENT });
  try {
    return await secrets.readSecret(secretId);
  } finally {
    await secrets.close();
  }
}

function failure(code: string, message: RegExp): object {
  return expect.objectContaining({ code, message: expect.stringMatching(message) as unknown }) as object;
}

describe('secrets from Secret Manager', () => {
  it('reads the newest version by id and by name, and any version by its full name', async () => {
    server.putSecret(PROJECT, 'credentials', 'one');
    server.putSecret(PROJECT, 'credentials', 'two');
    server.putSecret('other-project', 'credentials', 'of another project');
    expect(await read('credentials')).toBe('two');
    expect(await read(`projects/${PROJECT}/secrets/credentials`)).toBe('two');
    expect(await read(`projects/${PROJECT}/secrets/credentials/versions/1`)).toBe('one');
    expect(await read(`projects/${PROJECT}/secrets/credentials/versions/latest`)).toBe('two');
    expect(await read('projects/other-project/secrets/credentials')).toBe('of another project');
  });

  it('says whether secret or version is missing', async () => {
    server.putSecret(PROJECT, 'single', 'one');
    await client.createSecret({ parent: `projects/${PROJECT}`, secretId: 'empty', secret: {} });
    await expect(read('none')).rejects.toEqual(
      failure(
        'CONFIG_SECRET_MISSING',
        /"none" \(projects\/migration-project\/secrets\/none\/.*not found or has no ver/,
      ),
    );
    await expect(read('empty')).rejects.toEqual(failure('CONFIG_SECRET_MISSING', /not found or has no versions/));
    await expect(read(`projects/${PROJECT}/secrets/single/versions/2`)).rejects.toEqual(
      failure('CONFIG_SECRET_MISSING', /Secret Version \[.*single\/versions\/2\] not found/),
    );
  });

  it.each([
    ['disabled', 'DISABLED'],
    ['destroyed', 'DESTROYED'],
  ] as const)('says that the newest version is %s, and reads no older one', async (what, state) => {
    server.putSecret(PROJECT, what, 'old');
    server.putSecret(PROJECT, what, 'new');
    const name = `projects/${PROJECT}/secrets/${what}/versions/2`;
    await (state === 'DISABLED' ? client.disableSecretVersion({ name }) : client.destroySecretVersion({ name }));
    await expect(read(what)).rejects.toEqual(
      failure('CONFIG_SECRET_MISSING', new RegExp(`versions/2\\] is in ${state} state`)),
    );
  });

  it.each(['', 'a b', 'projects/p/secrets', 'projects/p/locations/eu/secrets/s', 'projects/p/secrets/s/versions/'])(
    'refuses %j as an id',
    async (id) => {
      await expect(read(id)).rejects.toEqual(failure('CONFIG_INVALID', /the id of a secret must be ID, projects/));
    },
  );

  it('does not repeat a secret that stands where its id belongs', async () => {
    const error: unknown = await read('-----BEGIN PRIVATE KEY-----\nMIIE/').catch((thrown: unknown) => thrown);
    expect(error).toEqual(failure('CONFIG_INVALID', /and is 33 characters, not shown$/));
    expect(JSON.stringify(error)).not.toContain('MIIE');
  });

  it('refuses bytes that are no text, without showing them', async () => {
    const [secret] = await client.createSecret({ parent: `projects/${PROJECT}`, secretId: 'binary', secret: {} });
    await client.addSecretVersion({ parent: secret.name ?? '', payload: { data: Buffer.from('key\xff', 'latin1') } });
    await expect(read('binary')).rejects.toEqual(failure('CONFIG_SECRET_INVALID', /^the secret "binary" is not UTF-8/));
  });

  it.each([
    ['permission', status.PERMISSION_DENIED, "Permission 'secretmanager.versions.access' denied"],
    ['valid credentials', status.UNAUTHENTICATED, 'Request had invalid authentication credentials.'],
  ])('asks once without %s, and names service and project', async (_what, code, details) => {
    server.faults.refuse('AccessSecretVersion', { code, details });
    const before = server.stats().calls['AccessSecretVersion'] ?? 0;
    const message = new RegExp(`no access to Secret Manager in the project elsewhere .*${details}`);
    await expect(read('projects/elsewhere/secrets/s')).rejects.toEqual(failure('CONFIG_ACCESS_DENIED', message));
    expect(server.stats().calls['AccessSecretVersion']).toBe(before + 1);
  });

  it('gets over passing failures, and gives up with the last of them', async () => {
    server.putSecret(PROJECT, 'patient', 'text');
    server.faults.refuse('AccessSecretVersion', { code: status.RESOURCE_EXHAUSTED, times: 2 });
    expect(await read('patient')).toBe('text');
    server.faults.refuse('AccessSecretVersion', { code: status.UNAVAILABLE, details: 'in maintenance' });
    const message = new RegExp(
      `patient, after 3 tries in .* s: Secret Manager at ${server.host}: UNAVAILABLE: in maint`,
    );
    await expect(read('patient')).rejects.toEqual(failure('SERVICE_UNAVAILABLE', message));
  });

  it('believes no payload whose crc32c is another', async () => {
    const [definition] = loadServices({ name: '@google-cloud/secret-manager' }, [
      'google.cloud.secretmanager.v1.SecretManagerService',
    ]);
    if (definition === undefined) throw new Error('no definition');
    let asked = 0;
    const AccessSecretVersion = () => {
      asked += 1;
      return { payload: { data: Buffer.from('damaged text'), dataCrc32c: asked === 3 ? crc32c('damaged text') : 1 } };
    };
    const implementation = unaryMethods({ AccessSecretVersion }, () => {});
    const damaging = await startGrpcServer([{ definition, implementation }]);
    expect(await read('key', damaging.host)).toBe('damaged text');
    const error: unknown = await read('key', damaging.host).catch((thrown: unknown) => thrown);
    expect(error).toEqual(failure('SERVICE_UNAVAILABLE', /after 3 tries .*crc32c is another/));
    expect(String(error)).not.toContain('damaged text');
    await damaging.close();
  });

  it('does not wait for ever for a host that does not answer', async () => {
    const silent = await startSilentServer();
    await expect(read('patient', silent.host)).rejects.toEqual(failure('SERVICE_UNAVAILABLE', /after [123] tr/));
    expect(silent.connections).toBeGreaterThan(0);
    await silent.close();
  });
});
