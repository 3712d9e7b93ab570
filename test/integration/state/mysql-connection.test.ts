import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoppedError } from '@object-transfer/core/domain/errors';
import {
  type MysqlStateOptions,
  openMysqlState,
  prepareMysqlState,
} from '@object-transfer/core/state/open-mysql-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeIn, type MysqlHome } from '../../services/mariadb-database.ts';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { connectionTo, startMariadb } from '../../services/mariadb.ts';

const MINUTE_MS = 60_000;
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

let directory: string;
let server: Mariadb;
let home: MysqlHome;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mysql-tls-'));
  if (hasOpenssl) createCertificates();
  server = await startMariadb({ options: hasOpenssl ? withCertificate('server') : [] });
  home = await homeIn(connectionTo(server, 'fleet'), 'state', true);
  await prepareMysqlState(home);
  await home.query("CREATE USER reader IDENTIFIED BY 'the secret'; GRANT SELECT ON fleet.* TO reader");
});

afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
}

function createAuthority(name: string): void {
  openssl('req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=Test ${name}`);
}

/** A certificate of the authority `ca`. @param extension names of the server, where it has any */
function createCertificate(name: string, subject: string, extension: string): void {
  openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`);
  writeFileSync(join(directory, 'extensions'), extension);
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`);
}

function createCertificates(): void {
  createAuthority('ca');
  createAuthority('another');
  createCertificate('server', 'localhost', 'subjectAltName=DNS:localhost');
  // As those of Cloud SQL: PROJECT:INSTANCE, and neither host nor address.
  createCertificate('instance', 'example-project:state', '');
}

/** Options of a server that has this certificate. */
function withCertificate(name: string): readonly string[] {
  const file = join(directory, name);
  return [`--ssl-ca=${join(directory, 'ca.pem')}`, `--ssl-cert=${file}.pem`, `--ssl-key=${file}.key`];
}

function authority(name: string): string {
  return readFileSync(join(directory, `${name}.pem`), 'utf8');
}

function options(
  connection: Partial<MysqlStateOptions['connection']>,
  others: Partial<MysqlStateOptions> = {},
): MysqlStateOptions {
  return { connection: { ...home.connection, ...connection }, table: home.table, openingPatienceMs: 300, ...others };
}

async function open(given: MysqlStateOptions): Promise<void> {
  await (await openMysqlState(given)).close();
}

async function failureOf(given: MysqlStateOptions): Promise<Error> {
  const failure: unknown = await open(given).catch((error: unknown) => error);
  if (!(failure instanceof Error)) throw new Error('it was opened');
  expect(failure.message).not.toContain('secret');
  return failure;
}

describe('a state that cannot be opened', () => {
  it.each([
    ['the database is missing', { database: 'elsewhere' }, {}, 'CONFIG_STATE_MISSING', /object-transfer prepare/],
    ['the table is missing', {}, { table: 'other' }, 'CONFIG_STATE_MISSING', /no table other.*object-transfer prepare/],
    ['the password is wrong', { user: 'reader', password: 'no secret' }, {}, 'CONFIG_ACCESS_DENIED', /reader/],
    ['the user is unknown', { user: 'nobody' }, {}, 'CONFIG_ACCESS_DENIED', /nobody/],
    [
      'nothing listens',
      { port: 1 },
      {},
      'STATE_UNAVAILABLE',
      /127\.0\.0\.1:1\/.*ECONNREFUSED.*\d tr(y|ies) in \d\.\d s/,
    ],
    ['the host is unknown', { host: 'no-such-host.invalid' }, {}, 'STATE_UNAVAILABLE', /no-such-host\.invalid:\d+/],
    ['the name of the table is none', {}, { table: 'a b' }, 'CONFIG_INVALID', /a b/],
  ] as const)('says what is wrong when %s', async (_, connection, others, code, message) => {
    const failure = await failureOf(options(connection, others));
    expect(failure).toMatchObject({ code });
    expect(failure.message).toMatch(message);
  });

  it('says so when the user may read and not write', async () => {
    const store = await openMysqlState(options({ user: 'reader', password: 'the secret' }));
    await expect(store.addSubfolders(['a/'])).rejects.toMatchObject({ code: 'CONFIG_ACCESS_DENIED' });
    await expect(
      prepareMysqlState(options({ user: 'reader', password: 'the secret' }, { table: 'other' })),
    ).rejects.toMatchObject({ code: 'CONFIG_ACCESS_DENIED' });
    await store.close();
  });
});

describe('a server that is away when it is opened', () => {
  const stopped = new StoppedError('stopped by SIGTERM');

  it.each([
    ['opening', openMysqlState],
    ['preparing', prepareMysqlState],
  ])('is told of from the first try on, and %s ends when it is told to stop, with the reason', async (_, begin) => {
    const stop = new AbortController();
    const told: unknown[] = [];
    const onRetry = (error: unknown, attempt: number): void => {
      told.push([error, attempt]);
      if (attempt === 2) stop.abort(stopped);
    };
    const beginning = begin(options({ port: 1 }, { openingPatienceMs: 600_000, signal: stop.signal, onRetry }));
    await expect(beginning).rejects.toBe(stopped);
    expect(told).toMatchObject([
      [{ code: 'STATE_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') as string }, 1],
      [{ code: 'STATE_UNAVAILABLE' }, 2],
    ]);
  });

  it('ends at once when it is told to stop while nobody answers', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const stop = new AbortController();
    const opening = openMysqlState(options({ port }, { connectTimeoutMs: 600_000, signal: stop.signal }));
    const [socket] = (await once(silent, 'connection')) as [Socket];
    const ended = once(socket.resume(), 'close');
    stop.abort(stopped);
    await expect(opening).rejects.toBe(stopped);
    await ended;
    silent.close();
  });

  it('is not asked where the signal has aborted before', async () => {
    await expect(openMysqlState(options({ port: 1 }, { signal: AbortSignal.abort(stopped) }))).rejects.toBe(stopped);
  });

  it('is not concerned by the signal once it is open', async () => {
    const stop = new AbortController();
    const store = await openMysqlState(options({}, { signal: stop.signal }));
    stop.abort(stopped);
    expect(await store.getSubfolder('none/')).toBeUndefined();
    await store.close();
  });
});

describe.skipIf(!hasOpenssl)('TLS', () => {
  it('is used and the certificate verified, by the authority that is given', async () => {
    const sslCa = authority('ca');
    await home.query("CREATE USER encrypted IDENTIFIED BY 'the secret' REQUIRE SSL; GRANT ALL ON fleet.* TO encrypted");
    const login = { host: 'localhost', user: 'encrypted', password: 'the secret' };
    await open(options({ ...login, sslDisabled: false, sslCa }));
    expect(await failureOf(options(login))).toMatchObject({ code: 'CONFIG_ACCESS_DENIED' });
  });

  it('refuses a certificate of an unknown authority', async () => {
    const failure = await failureOf(options({ host: 'localhost', sslDisabled: false }));
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(failure.message).toMatch(/certificate is not accepted.*ssl_ca/);
  });

  it('refuses the certificate of another host, by name or by address', async () => {
    const sslCa = authority('ca');
    const failure = await failureOf(options({ host: '127.0.0.1', sslDisabled: false, sslCa }));
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(failure.message).toMatch(/127\.0\.0\.1.*"host" in mysql_config.*ssl_verify_identity/);
  });

  describe('to an instance whose certificate bears no host', () => {
    let instance: Mariadb;

    beforeAll(async () => {
      instance = await startMariadb({ options: withCertificate('instance') });
      await prepareMysqlState({ connection: connectionTo(instance, 'mysql'), table: 'state' });
    });
    afterAll(() => instance.close());

    const secured = (fields: Partial<MysqlStateOptions['connection']>): MysqlStateOptions => ({
      connection: { ...connectionTo(instance, 'mysql'), sslDisabled: false, ...fields },
      table: 'state',
    });

    it.each(['127.0.0.1', 'localhost'])('is refused at %s, and says what it takes', async (host) => {
      const failure = await failureOf(secured({ host, sslCa: authority('ca') }));
      expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(failure.message).toMatch(/"ssl_verify_identity": false accepts whatever "ssl_ca" has signed/);
    });

    it.each(['127.0.0.1', 'localhost'])('is made to %s where the name is not to be compared', async (host) => {
      const store = await openMysqlState(secured({ host, sslCa: authority('ca'), sslVerifyIdentity: false }));
      expect(await store.listSubfolders(undefined, 1)).toEqual([]);
      await store.close();
    });

    it('is refused where another authority has signed it, whether or not the name is compared', async () => {
      for (const sslVerifyIdentity of [true, false]) {
        const failure = await failureOf(secured({ sslCa: authority('another'), sslVerifyIdentity }));
        expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
        expect(failure.message).toMatch(/certificate is not accepted/);
      }
    });

    it('is refused where any public authority would do for any name', async () => {
      expect(await failureOf(secured({ sslVerifyIdentity: false }))).toMatchObject({
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
      const tls = { host: 'localhost', port, sslDisabled: false, sslCa: authority('ca') };
      await open(options(tls, { openingPatienceMs: 60_000, onRetry }));
      expect(told).toMatchObject([{ code: 'STATE_UNAVAILABLE' }]);
      breaking.close();
    },
  );

  it('is not done without where the server speaks none', async () => {
    const plain = await startMariadb({ options: ['--skip-ssl'] });
    const failure = await failureOf({
      connection: { ...connectionTo(plain, 'mysql'), sslDisabled: false },
      table: 'state',
    });
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(failure.message).toMatch(/speaks no TLS.*ssl_disabled/);
    await plain.close();
  });
});

describe('versions of the server', () => {
  it.each(['10.5.29-MariaDB', '5.6.51-log'])('are refused where they are too old: %s', async (version) => {
    const old = await startMariadb({ options: [`--version=${version}`] });
    const failure = await failureOf({ connection: connectionTo(old, 'mysql'), table: 'state' });
    expect(failure).toMatchObject({ code: 'CONFIG_STATE_INCOMPATIBLE' });
    expect(failure.message).toContain(version);
    await old.close();
  });
});

describe('the clock of the host', () => {
  it.each([-6, 6])('is refused where it is %d minutes from the database', async (minutes) => {
    const failure = await failureOf(options({}, { now: () => Date.now() + minutes * MINUTE_MS }));
    expect(failure).toMatchObject({ code: 'CONFIG_CLOCK_SKEW' });
    expect(failure.message.match(/\d{4}-\d\d-\d\dT/g)).toHaveLength(2);
  });

  it.each([-4, 4])('does not move leases where it is %d minutes from the database', async (minutes) => {
    const store = await openMysqlState(options({}, { now: () => Date.now() + minutes * MINUTE_MS }));
    await home.query("INSERT IGNORE INTO state (dir_key) VALUES ('clock/')");
    const [lease] = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: MINUTE_MS, limit: 1 });
    if (lease === undefined) throw new Error('nothing to claim');
    expect(Math.abs(lease.expiresAt.getTime() - Date.now() - MINUTE_MS)).toBeLessThan(10_000);
    const other = await openMysqlState(options({}));
    expect(await other.claimSubfolders({ owner: 'host:2:0000000b', leaseMs: MINUTE_MS, limit: 1 })).toEqual([]);
    expect(await store.releaseSubfolder(lease)).toBe(true);
    await store.close();
    await other.close();
  });
});
