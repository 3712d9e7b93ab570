import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
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
import { failureToOpen } from './failure-to-open.ts';

const MINUTE_MS = 60_000;

let server: Mariadb;
let home: MysqlHome;

beforeAll(async () => {
  server = await startMariadb();
  home = await homeIn(connectionTo(server, 'fleet'), 'state', true);
  await prepareMysqlState(home);
  await home.query("CREATE USER reader IDENTIFIED BY 'the secret'; GRANT SELECT ON fleet.* TO reader");
});

afterAll(() => server.close());

function options(
  connection: Partial<MysqlStateOptions['connection']>,
  others: Partial<MysqlStateOptions> = {},
): MysqlStateOptions {
  return { connection: { ...home.connection, ...connection }, table: home.table, openingPatienceMs: 300, ...others };
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
    const failure = await failureToOpen(options(connection, others));
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

describe('versions of the server', () => {
  it.each(['10.5.29-MariaDB', '5.6.51-log'])('are refused where they are too old: %s', async (version) => {
    const old = await startMariadb({ options: [`--version=${version}`] });
    const failure = await failureToOpen({ connection: connectionTo(old, 'mysql'), table: 'state' });
    expect(failure).toMatchObject({ code: 'CONFIG_STATE_INCOMPATIBLE' });
    expect(failure.message).toContain(version);
    await old.close();
  });
});

describe('the clock of the host', () => {
  it.each([-6, 6])('is refused where it is %d minutes from the database', async (minutes) => {
    const failure = await failureToOpen(options({}, { now: () => Date.now() + minutes * MINUTE_MS }));
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
