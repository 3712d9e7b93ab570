import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import {
  type MysqlStateOptions,
  openMysqlState,
  prepareMysqlState,
} from '@object-transfer/core/state/open-mysql-state';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeIn, type MysqlHome } from '../../services/mariadb-database.ts';
import { connectionTo, startMariadb } from '../../services/mariadb.ts';
import { failureToOpen } from './failure-to-open.ts';
import { hasOpenssl, MysqlCertificates } from './mysql-certificates.ts';

let certificates: MysqlCertificates;
let server: Mariadb;
let home: MysqlHome;

function options(
  connection: Partial<MysqlStateOptions['connection']>,
  others: Partial<MysqlStateOptions> = {},
): MysqlStateOptions {
  return { connection: { ...home.connection, ...connection }, table: home.table, openingPatienceMs: 300, ...others };
}

async function open(given: MysqlStateOptions): Promise<void> {
  await (await openMysqlState(given)).close();
}

describe.skipIf(!hasOpenssl)('TLS', () => {
  beforeAll(async () => {
    certificates = new MysqlCertificates();
    certificates.createAuthority('ca');
    certificates.createAuthority('another');
    certificates.createCertificate('ca', 'server', 'localhost', 'subjectAltName=DNS:localhost');
    // As those of Cloud SQL: PROJECT:INSTANCE, and neither host nor address.
    certificates.createCertificate('ca', 'instance', 'example-project:state');
    server = await startMariadb({ options: certificates.serverOptions('ca', 'server') });
    home = await homeIn(connectionTo(server, 'fleet'), 'state', true);
    await prepareMysqlState(home);
  });

  afterAll(async () => {
    await server.close();
    certificates[Symbol.dispose]();
  });

  it('is used and the certificate verified, by the authority that is given', async () => {
    const sslCa = certificates.read('ca');
    await home.query("CREATE USER encrypted IDENTIFIED BY 'the secret' REQUIRE SSL; GRANT ALL ON fleet.* TO encrypted");
    const login = { host: 'localhost', user: 'encrypted', password: 'the secret' };
    await open(options({ ...login, sslDisabled: false, sslCa }));
    expect(await failureToOpen(options(login))).toMatchObject({ code: 'CONFIG_ACCESS_DENIED' });
  });

  it('refuses a certificate of an unknown authority', async () => {
    const failure = await failureToOpen(options({ host: 'localhost', sslDisabled: false }));
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(failure.message).toMatch(/certificate is not accepted.*ssl_ca/);
  });

  it('refuses the certificate of another host, by name or by address', async () => {
    const sslCa = certificates.read('ca');
    const failure = await failureToOpen(options({ host: '127.0.0.1', sslDisabled: false, sslCa }));
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(failure.message).toMatch(/127\.0\.0\.1.*"host" in mysql_config.*ssl_verify_identity/);
  });

  describe('to an instance whose certificate bears no host', () => {
    let instance: Mariadb;

    beforeAll(async () => {
      instance = await startMariadb({ options: certificates.serverOptions('ca', 'instance') });
      await prepareMysqlState({ connection: connectionTo(instance, 'mysql'), table: 'state' });
    });
    afterAll(() => instance.close());

    const secured = (fields: Partial<MysqlStateOptions['connection']>): MysqlStateOptions => ({
      connection: { ...connectionTo(instance, 'mysql'), sslDisabled: false, ...fields },
      table: 'state',
    });

    it.each(['127.0.0.1', 'localhost'])('is refused at %s, and says what it takes', async (host) => {
      const failure = await failureToOpen(secured({ host, sslCa: certificates.read('ca') }));
      expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(failure.message).toMatch(/"ssl_verify_identity": false accepts whatever "ssl_ca" has signed/);
    });

    it.each(['127.0.0.1', 'localhost'])('is made to %s where the name is not to be compared', async (host) => {
      const store = await openMysqlState(secured({ host, sslCa: certificates.read('ca'), sslVerifyIdentity: false }));
      expect(await store.listSubfolders(undefined, 1)).toEqual([]);
      await store.close();
    });

    it('is refused where another authority has signed it, whether or not the name is compared', async () => {
      for (const sslVerifyIdentity of [true, false]) {
        const failure = await failureToOpen(secured({ sslCa: certificates.read('another'), sslVerifyIdentity }));
        expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
        expect(failure.message).toMatch(/certificate is not accepted/);
      }
    });

    it('is refused where any public authority would do for any name', async () => {
      expect(await failureToOpen(secured({ sslVerifyIdentity: false }))).toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('without ssl_ca') as string,
      });
    });
  });

  it.each(['closed', 'reset'])(
    'is tried again where the connection is %s in the middle of the handshake',
    async (end) => {
      let isBroken = false;
      const breaking = createServer((client) => {
        const upstream = connect(server.address.port, server.address.host);
        for (const [from, to] of [
          [client, upstream],
          [upstream, client],
        ] as const) {
          from.on('error', () => to.destroy()).on('close', () => to.destroy());
        }
        client.on('data', (data: Buffer) => {
          // The first record of a handshake.
          const isHello = data.includes(Buffer.from([0x16, 0x03, 0x01]));
          if (isHello && !isBroken) {
            isBroken = true;
            if (end === 'reset') client.resetAndDestroy();
            else client.destroy();
          } else upstream.write(data);
        });
        upstream.on('data', (data: Buffer) => client.write(data));
      }).listen(0, '127.0.0.1');
      await once(breaking, 'listening');
      const { port } = breaking.address() as AddressInfo;
      const told: unknown[] = [];
      const onRetry = (error: unknown): void => void told.push(error);
      const tls = { host: 'localhost', port, sslDisabled: false, sslCa: certificates.read('ca') };
      await open(options(tls, { openingPatienceMs: 60_000, onRetry }));
      expect(told).toMatchObject([{ code: 'STATE_UNAVAILABLE' }]);
      breaking.close();
    },
  );

  it('is not done without where the server speaks none', async () => {
    const plain = await startMariadb({ options: ['--skip-ssl'] });
    const failure = await failureToOpen({
      connection: { ...connectionTo(plain, 'mysql'), sslDisabled: false },
      table: 'state',
    });
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(failure.message).toMatch(/speaks no TLS.*ssl_disabled/);
    await plain.close();
  });
});
