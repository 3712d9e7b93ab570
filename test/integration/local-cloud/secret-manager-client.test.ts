import type { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import { status } from '@grpc/grpc-js';
import { crc32c } from '@node-rs/crc32';
import {
  startSecretManagerServer,
  type SecretManagerServer,
} from '@object-transfer/local-cloud/secret-manager/secret-manager-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSecretManager } from '../config/google-clients.ts';

const parent = 'projects/p';
const name = 'projects/p/secrets/s';

let server: SecretManagerServer;
let client: SecretManagerServiceClient;

beforeEach(async () => {
  server = await startSecretManagerServer();
  client = openSecretManager(server.host);
});
afterEach(async () => {
  await client.close();
  await server.close();
});

async function createSecret(secretId = 's'): Promise<void> {
  await client.createSecret({ parent, secretId, secret: { replication: { automatic: {} }, labels: { a: 'b' } } });
}

async function addVersion(text: string): Promise<string> {
  const [version] = await client.addSecretVersion({ parent: name, payload: { data: Buffer.from(text) } });
  return version.name ?? '';
}

async function access(version: string): Promise<string> {
  const [{ payload }] = await client.accessSecretVersion({ name: `${name}/versions/${version}` });
  return Buffer.from(payload?.data ?? '').toString();
}

describe("Google's client and the local Secret Manager", () => {
  it('keeps secrets by project, and describes them', async () => {
    await createSecret();
    const [secret] = await client.getSecret({ name });
    expect(secret).toMatchObject({ name, labels: { a: 'b' }, replication: { automatic: {} } });
    expect(Number(secret.createTime?.seconds)).toBeGreaterThan(1_700_000_000);
    await expect(client.getSecret({ name: 'projects/q/secrets/s' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'Secret [projects/q/secrets/s] not found.',
    });
  });

  it('numbers versions, and reads the newest as latest', async () => {
    await createSecret();
    expect([await addVersion('one'), await addVersion('two')]).toEqual([`${name}/versions/1`, `${name}/versions/2`]);
    expect(await access('1')).toBe('one');
    expect(await access('latest')).toBe('two');
    const [{ name: resolved, payload }] = await client.accessSecretVersion({ name: `${name}/versions/latest` });
    expect(resolved).toBe(`${name}/versions/2`);
    expect(payload?.dataCrc32c).toBe(String(crc32c('two')));
  });

  it('checks the crc32c that a client sends', async () => {
    await createSecret();
    const data = Buffer.from('text');
    await client.addSecretVersion({ parent: name, payload: { data, dataCrc32c: crc32c(data) } });
    const [version] = await client.getSecretVersion({ name: `${name}/versions/1` });
    expect(version).toMatchObject({ clientSpecifiedPayloadChecksum: true, state: 'ENABLED' });
    const damaged = client.addSecretVersion({ parent: name, payload: { data, dataCrc32c: 1 } });
    await expect(damaged).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await access('latest')).toBe('text');
  });

  it('gives no version that is disabled, and gives it again when it is enabled', async () => {
    await createSecret();
    await addVersion('one');
    await addVersion('two');
    const version = { name: `${name}/versions/2` };
    await client.disableSecretVersion(version);
    const disabled = {
      code: status.FAILED_PRECONDITION,
      details: `Secret Version [${version.name}] is in DISABLED state.`,
    };
    await expect(access('2')).rejects.toMatchObject(disabled);
    await expect(access('latest')).rejects.toMatchObject(disabled);
    await client.enableSecretVersion(version);
    expect(await access('latest')).toBe('two');
  });

  it('never gives back a version that is destroyed', async () => {
    await createSecret();
    await addVersion('one');
    const version = { name: `${name}/versions/1` };
    const [destroyed] = await client.destroySecretVersion(version);
    expect(destroyed).toMatchObject({ state: 'DESTROYED', destroyTime: { nanos: expect.any(Number) as unknown } });
    const refusal = { code: status.FAILED_PRECONDITION };
    await expect(client.enableSecretVersion(version)).rejects.toMatchObject(refusal);
    await expect(access('1')).rejects.toMatchObject({
      ...refusal,
      details: `Secret Version [${version.name}] is in DESTROYED state.`,
    });
  });

  it('lists secrets and, newest first, versions, page by page', async () => {
    for (const id of ['s', 't', 'u']) await createSecret(id);
    for (const text of ['1', '2', '3']) await addVersion(text);
    const onePage = { autoPaginate: false };
    const [secrets, nextSecrets] = await client.listSecrets({ parent, pageSize: 2 }, onePage);
    const [lastSecrets, end] = await client.listSecrets(nextSecrets ?? {}, onePage);
    expect([...secrets, ...lastSecrets].map((secret) => secret.name)).toEqual(
      ['s', 't', 'u'].map((id) => `${parent}/secrets/${id}`),
    );
    expect([secrets.length, lastSecrets.length, end]).toEqual([2, 1, null]);
    const [versions, nextVersions] = await client.listSecretVersions({ parent: name, pageSize: 2 }, onePage);
    const [lastVersions] = await client.listSecretVersions(nextVersions ?? {}, onePage);
    expect([...versions, ...lastVersions].map((version) => version.name?.at(-1))).toEqual(['3', '2', '1']);
    expect((await client.listSecrets({ parent: 'projects/q' }))[0]).toEqual([]);
  });

  it('deletes a secret with its versions', async () => {
    await createSecret();
    await addVersion('one');
    await client.deleteSecret({ name });
    await expect(access('1')).rejects.toMatchObject({ code: status.NOT_FOUND });
    await createSecret();
    await expect(access('latest')).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: `Secret [${name}] not found or has no versions.`,
    });
  });

  it.each<[string, status, (client: SecretManagerServiceClient) => Promise<unknown>]>([
    ['a secret twice', status.ALREADY_EXISTS, () => createSecret()],
    ['an id with a slash', status.INVALID_ARGUMENT, () => createSecret('a/b')],
    ['an empty payload', status.INVALID_ARGUMENT, () => addVersion('')],
    ['more than 64 KiB', status.INVALID_ARGUMENT, () => addVersion('x'.repeat(65_537))],
    ['a name of another form', status.INVALID_ARGUMENT, () => client.getSecret({ name: 'secrets/s' })],
    ['a version of a secret that is not there', status.NOT_FOUND, () => client.deleteSecret({ name: `${name}x` })],
    ['a version that is not there', status.NOT_FOUND, () => access('7')],
    ['filters', status.UNIMPLEMENTED, () => client.listSecrets({ parent, filter: 'labels.a=b' })],
  ])('refuses %s', async (_what, code, ask) => {
    await createSecret();
    await expect(ask(client)).rejects.toMatchObject({ code });
  });

  it('refuses calls on request', async () => {
    server.putSecret('p', 's', 'text');
    server.faults.refuse('AccessSecretVersion', { code: status.PERMISSION_DENIED, times: 1 });
    await expect(access('latest')).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    expect(await access('latest')).toBe('text');
    expect(server.stats().calls['AccessSecretVersion']).toBe(2);
  });
});
