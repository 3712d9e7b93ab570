import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import { readCredentials, type ReadCredentials } from './credentials.ts';

const MYSQL = { host: '10.0.0.3', user: 'tool', password: 'c2VjcmV0', database: 'transfer' };

function read(text: string): Promise<ReadCredentials> {
  return readCredentials({ readSecret: () => Promise.resolve(text) }, 'transfer-credentials');
}

async function refusal(text: string): Promise<string> {
  const error: unknown = await read(text).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigurationError)) throw new Error(`expected a refusal, got ${String(error)}`);
  expect(error).toMatchObject({ code: 'CONFIG_SECRET_INVALID', source: 'transfer-credentials' });
  expect(error.cause).toBeUndefined();
  expect(error.message).toContain('"transfer-credentials"');
  return error.message;
}

describe('readCredentials', () => {
  it('reads the payload of the reference tool', async () => {
    const { credentials, warnings } = await read(
      JSON.stringify({ aws_key_id: 'AKIA1', aws_key_secret: 'x/y+z=', mysql_config: { ...MYSQL, ssl_disabled: true } }),
    );
    expect(warnings).toEqual([]);
    expect(credentials).toEqual({
      aws: { accessKeyId: 'AKIA1', secretAccessKey: 'x/y+z=' },
      mysql: { ...MYSQL, port: 3306, sslDisabled: true },
    });
  });

  it('reads it as a Python dict', async () => {
    const text = `{'aws_key_id': '', 'aws_key_secret': None,
      'mysql_config': {'host': 'db', 'user': 'True', 'password': 'it\\'s "None" \\d\\n', 'database': "a", 'ssl_disabled': False,}}`;
    const { credentials } = await read(text);
    expect(credentials).toEqual({
      mysql: {
        host: 'db',
        port: 3306,
        user: 'True',
        password: 'it\'s "None" \\d\n',
        database: 'a',
        sslDisabled: false,
      },
    });
  });

  it('leaves AWS to the default chain where both halves of the key are empty', async () => {
    expect((await read('{"aws_key_id": "", "aws_key_secret": ""}')).credentials).toEqual({});
    expect((await read('{"mysql_config": null}')).credentials).toEqual({});
  });

  it('reads port, certificates and session token where they are given', async () => {
    const sslCa = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const { credentials } = await read(
      JSON.stringify({
        aws_key_id: 'ASIA1',
        aws_key_secret: 's',
        aws_session_token: 't',
        mysql_config: { ...MYSQL, host: '::1', port: '3307', ssl_ca: sslCa, ssl_disabled: 'False' },
      }),
    );
    expect(credentials.aws).toEqual({ accessKeyId: 'ASIA1', secretAccessKey: 's', sessionToken: 't' });
    expect(credentials.mysql).toEqual({ ...MYSQL, host: '::1', port: 3307, sslDisabled: false, sslCa });
  });

  it('takes an empty password', async () => {
    const { credentials } = await read(JSON.stringify({ mysql_config: { ...MYSQL, password: '' } }));
    expect(credentials.mysql?.password).toBe('');
  });

  it('names every wrong field in one message, and no value', async () => {
    const message = await refusal(
      JSON.stringify({
        aws_key_id: 'c2VjcmV0-1',
        mysql_config: {
          host: 'c2VjcmV0-2:3306',
          port: 'c2VjcmV0-3',
          password: 12,
          ssl_disabled: 'c2VjcmV0-4',
          ssl_ca: 'c2VjcmV0',
        },
      }),
    );
    for (const field of [
      'aws_key_secret is missing',
      'mysql_config.host must be a host name or an address: the port goes into mysql_config.port',
      'mysql_config.port must be a whole number',
      'mysql_config.user is missing',
      'mysql_config.password must be text',
      'mysql_config.database is missing',
      'mysql_config.ssl_disabled must be true or false',
      'mysql_config.ssl_ca must be certificates',
    ]) {
      expect(message).toContain(field);
    }
    expect(message).not.toContain('c2VjcmV0');
  });

  it.each(['{"aws_key_secret": "c2VjcmV0"}', '{"aws_session_token": "c2VjcmV0"}'])(
    'refuses half of an AWS key: %s',
    async (text) => {
      expect(await refusal(text)).toContain('aws_key_id is missing');
    },
  );

  it.each([
    ['nothing', ''],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n'],
    ['text that breaks off', '{"mysql_config": {"password": "c2VjcmV0"'],
    ['a text', '"c2VjcmV0"'],
    ['a list', '["c2VjcmV0"]'],
    ['text without quotes', "{'password': c2VjcmV0}"],
    ['a map of a wrong shape', '{"mysql_config": "c2VjcmV0"}'],
  ])('refuses %s without a piece of it', async (_what, text) => {
    const message = await refusal(text);
    expect(message).not.toContain('c2V');
    expect(message).not.toContain('c,');
  });

  it('names fields that nobody reads, and no value', async () => {
    const { warnings } = await read(
      JSON.stringify({ api_key: 'c2VjcmV0', mysql_config: { ...MYSQL, ssl_cert: 'c2VjcmV0' } }),
    );
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/"transfer-credentials" .*: api_key$/);
    expect(warnings[1]).toMatch(/: mysql_config.ssl_cert$/);
    expect(warnings.join()).not.toContain('c2VjcmV0');
  });

  describe('ssl_verify_identity', () => {
    const sslCa = '-----BEGIN CERTIFICATE-----';
    it.each([
      [false, false],
      ['False', false],
      [true, true],
      [null, undefined],
      ['', undefined],
    ])('%j is read as %j', async (given, value) => {
      const mysql = { ...MYSQL, ssl_ca: sslCa, ssl_verify_identity: given };
      const { credentials } = await read(JSON.stringify({ mysql_config: mysql }));
      expect(credentials.mysql?.sslVerifyIdentity).toBe(value);
    });

    it.each([undefined, null, ''])('is refused where it is false and ssl_ca is %j', async (ca) => {
      const message = await refusal(
        JSON.stringify({ mysql_config: { ...MYSQL, ssl_ca: ca, ssl_verify_identity: false } }),
      );
      expect(message).toContain('mysql_config.ssl_verify_identity must not be false without ssl_ca');
    });

    it.each([0, 'no', []])('is refused where it is no truth value: %j', async (given) => {
      const message = await refusal(
        JSON.stringify({ mysql_config: { ...MYSQL, ssl_ca: sslCa, ssl_verify_identity: given } }),
      );
      expect(message).toContain('mysql_config.ssl_verify_identity must be true or false');
    });

    it('has no effect on a plain connection, which is said', async () => {
      const { warnings } = await read(
        JSON.stringify({ mysql_config: { ...MYSQL, ssl_disabled: true, ssl_verify_identity: false } }),
      );
      expect(warnings).toEqual([expect.stringContaining('ssl_verify_identity that has no effect')]);
    });
  });

  it('warns of certificates that a plain connection never looks at', async () => {
    const { warnings } = await read(
      JSON.stringify({ mysql_config: { ...MYSQL, ssl_disabled: true, ssl_ca: '-----BEGIN CERTIFICATE-----' } }),
    );
    expect(warnings).toEqual([expect.stringContaining('ssl_ca that has no effect')]);
  });
});
