import { beforeEach, describe, expect, it } from 'vitest';
import { StoppedError } from '../domain/errors.ts';
import { MysqlRetry } from './mysql-retry.ts';

let closing: AbortController;

beforeEach(() => {
  closing = new AbortController();
});

function retryFor(patienceMs: number): MysqlRetry {
  return new MysqlRetry({ server: 'db:3306/fleet', patienceMs, signal: closing.signal });
}

/** An error as the driver makes it of what the server answers. */
function answer(errno: number, message = 'the server says so'): Error {
  return Object.assign(new Error(message), { errno, sqlState: 'HY000' });
}

/** Fails with each of these, then succeeds. */
function failing(...errors: readonly Error[]) {
  const repeated: boolean[] = [];
  const work = async (isRepeated: boolean): Promise<string> => {
    repeated.push(isRepeated);
    const error = errors[repeated.length - 1];
    if (error !== undefined) throw error;
    return 'done';
  };
  return { repeated, work };
}

describe('errors that may pass', () => {
  it.each([
    ['a deadlock', answer(1213)],
    ['a lock that was waited for too long', answer(1205)],
    ['a row that somebody else has just added', answer(1062)],
    ['too many connections', answer(1040)],
    ['a server that shuts down', answer(1053)],
    ['a server that has become a replica', answer(1290)],
    ['a connection that was refused', Object.assign(new Error('refused'), { code: 'ECONNREFUSED', errno: -111 })],
    ['a host that is not found', Object.assign(new Error('not found'), { code: 'ENOTFOUND' })],
    ['a connection that was lost', Object.assign(new Error('lost'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true })],
    ['a connection that is closed', Object.assign(new Error('closed state'), { fatal: true })],
  ])('are tried again, and the work told: %s', async (_, error) => {
    const { repeated, work } = failing(error, error);
    expect(await retryFor(60_000).run('claim', work)).toBe('done');
    expect(repeated).toEqual([false, true, true]);
  });

  it('are given up after some time, with what was tried', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const run = retryFor(0).run('claim', async () => {
      throw refused;
    });
    await expect(run).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      retryable: true,
      op: 'claim',
      source: 'db:3306/fleet',
      cause: refused,
      message: expect.stringMatching(/db:3306\/fleet: connect ECONNREFUSED \(\d+ tr(y|ies) in 0\.\d s\)/),
    });
  });

  it('are told of while they are waited for, as they would be thrown', async () => {
    const { work } = failing(answer(1040), answer(1053));
    const told: unknown[] = [];
    const onRetry = (error: unknown, attempt: number): void => void told.push([error, attempt]);
    await new MysqlRetry({ server: 'db:3306/fleet', patienceMs: 60_000, signal: closing.signal, onRetry }).run(
      'open',
      work,
    );
    expect(told).toMatchObject([
      [{ code: 'STATE_UNAVAILABLE', op: 'open' }, 1],
      [{ code: 'STATE_UNAVAILABLE', op: 'open' }, 2],
    ]);
  });

  it('are waited for no longer once the signal aborts, which is then the reason', async () => {
    const run = retryFor(600_000).run('claim', async () => {
      setImmediate(() => closing.abort(new StoppedError('stopped by SIGTERM')));
      throw answer(1040);
    });
    await expect(run).rejects.toMatchObject({ code: 'STOPPED' });
    await expect(retryFor(600_000).run('claim', async () => 'done')).rejects.toMatchObject({ code: 'STOPPED' });
  });

  it('are an echo where the signal has aborted before them', async () => {
    const run = retryFor(0).run('claim', async () => {
      closing.abort(new StoppedError('stopped by SIGTERM'));
      throw answer(1053);
    });
    await expect(run).rejects.toMatchObject({ code: 'STOPPED' });
  });
});

describe('errors that do not pass', () => {
  it.each([
    [1045, 'CONFIG_ACCESS_DENIED'],
    [1142, 'CONFIG_ACCESS_DENIED'],
    [1049, 'CONFIG_STATE_MISSING'],
    [1146, 'CONFIG_STATE_MISSING'],
    [1054, 'CONFIG_STATE_INCOMPATIBLE'],
    [1665, 'CONFIG_STATE_INCOMPATIBLE'],
    [1114, 'STATE_STORAGE_FULL'],
    [1034, 'STATE_CORRUPT'],
  ])('are named at once: %d is %s', async (errno, code) => {
    const { repeated, work } = failing(answer(errno));
    await expect(retryFor(60_000).run('claim', work)).rejects.toMatchObject({ code, op: 'claim' });
    expect(repeated).toHaveLength(1);
  });

  it('are named read-only where the server stays so', async () => {
    const run = retryFor(0).run('claim', async () => {
      throw answer(1290);
    });
    await expect(run).rejects.toMatchObject({ code: 'STATE_READ_ONLY' });
  });

  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
    'HANDSHAKE_NO_SSL_SUPPORT',
  ])('are named at once where TLS fails: %s', async (code) => {
    const { repeated, work } = failing(Object.assign(new Error('no'), { code, fatal: true }));
    await expect(retryFor(60_000).run('claim', work)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(repeated).toHaveLength(1);
  });

  it('are handed on as they are where this program is wrong', async () => {
    for (const error of [new TypeError('a defect'), answer(1406, 'data too long')]) {
      await expect(retryFor(60_000).run('claim', failing(error).work)).rejects.toBe(error);
    }
  });
});
