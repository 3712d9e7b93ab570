import type { Credentials } from '@object-transfer/core/config/credentials';
import { ConfigurationError } from '@object-transfer/core/domain/errors';

type MysqlLogin = NonNullable<Credentials['mysql']>;

/** @throws ConfigurationError `CONFIG_SECRET_INVALID` where the credentials say nothing about MySQL */
export function requireMysql(credentials: Credentials | undefined, secretId: string | undefined): MysqlLogin {
  if (credentials?.mysql !== undefined) return credentials.mysql;
  throw new ConfigurationError(
    'CONFIG_SECRET_INVALID',
    `mysql_table is given, but the secret ${JSON.stringify(secretId)} has no mysql_config`,
    { source: secretId },
  );
}

/**
 * Connects to MySQL by the login of a secret. Where the server refuses it, the secret is named: its host and user may stand in
 * several.
 * @throws as {@link requireMysql}, and what `connect` throws
 */
export async function withMysqlLogin<T>(
  credentials: Credentials | undefined,
  secretId: string | undefined,
  connect: (login: MysqlLogin) => Promise<T>,
): Promise<T> {
  const login = requireMysql(credentials, secretId);
  try {
    return await connect(login);
  } catch (error) {
    if (!(error instanceof ConfigurationError) || error.code !== 'CONFIG_ACCESS_DENIED') throw error;
    const message = `${error.message}; the login is that of the secret ${JSON.stringify(secretId)}`;
    throw new ConfigurationError(error.code, message, { op: error.op, source: error.source, cause: error });
  }
}
