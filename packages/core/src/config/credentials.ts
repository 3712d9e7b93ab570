import type { z } from 'zod';
import { ConfigurationError } from '../domain/errors.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import { credentialsPayload, unknownNames, type CredentialsPayload } from './credentials-payload.ts';
import { parseLiteralText } from './literal-text.ts';

const MYSQL_PORT = 3306;

interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

interface MysqlCredentials {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** True for plain connections; otherwise TLS is demanded. */
  readonly sslDisabled: boolean;
  /** PEM text of the certificates that the server's is checked against; left out, the public authorities'. */
  readonly sslCa?: string;
  /** False where the server's certificate must come from `sslCa`, and its name does not matter; default true. */
  readonly sslVerifyIdentity?: boolean;
}

/** What a credentials secret holds. */
export interface Credentials {
  /** Left out, AWS's default chain is asked. */
  readonly aws?: AwsKeys;
  readonly mysql?: MysqlCredentials;
}

export interface ReadCredentials {
  readonly credentials: Credentials;
  /** What is allowed and most likely not meant, one sentence each; names of fields, never values. */
  readonly warnings: readonly string[];
}

/**
 * Reads the secret that `credentials_secret_id` names: JSON, or the Python dict of the reference tool. No part of its text
 * gets into an error or a warning.
 * @throws ConfigurationError `CONFIG_SECRET_INVALID` naming the secret and every wrong field of it; others from the source
 */
export async function readCredentials(secrets: SecretSource, secretId: string): Promise<ReadCredentials> {
  const payload = parsePayload(await secrets.readSecret(secretId), secretId);
  const parsed = credentialsPayload.safeParse(payload);
  if (!parsed.success) throw invalid(secretId, problemsOf(parsed.error));
  const credentials = credentialsOf(parsed.data);
  const secret = `the secret ${JSON.stringify(secretId)}`;
  const warnings = unknownNames(payload).map((name) => `${secret} has a field that nobody reads: ${name}`);
  if (credentials.mysql?.sslDisabled === true) {
    const { sslCa, sslVerifyIdentity } = credentials.mysql;
    for (const [name, value] of Object.entries({ ssl_ca: sslCa, ssl_verify_identity: sslVerifyIdentity })) {
      if (value !== undefined)
        warnings.push(`${secret} has an ${name} that has no effect, because ssl_disabled is true`);
    }
  }
  return { credentials, warnings };
}

function credentialsOf(payload: CredentialsPayload): Credentials {
  const { aws_key_id: id, aws_key_secret: secret, aws_session_token: token, mysql_config: mysql } = payload;
  return {
    ...(id !== undefined &&
      secret !== undefined && {
        aws: { accessKeyId: id, secretAccessKey: secret, ...(token !== undefined && { sessionToken: token }) },
      }),
    ...(mysql !== undefined && {
      mysql: {
        host: mysql.host,
        port: mysql.port ?? MYSQL_PORT,
        user: mysql.user,
        password: mysql.password,
        database: mysql.database,
        sslDisabled: mysql.ssl_disabled ?? false,
        ...(mysql.ssl_ca !== undefined && { sslCa: mysql.ssl_ca }),
        ...(mysql.ssl_verify_identity !== undefined && { sslVerifyIdentity: mysql.ssl_verify_identity }),
      },
    }),
  };
}

function parsePayload(text: string, secretId: string): unknown {
  try {
    return parseLiteralText(text);
  } catch (error) {
    // Neither the parser's message nor the error itself goes on: both hold pieces of the secret. The line does not.
    const line: unknown = (error as { readonly lineNumber?: unknown }).lineNumber;
    const where = typeof line === 'number' ? `, from line ${line} on` : '';
    throw invalid(secretId, [`it is neither JSON nor a Python dict${where}`]);
  }
}

function problemsOf(error: z.ZodError): readonly string[] {
  return error.issues.map(({ path, message }) =>
    path.length === 0 ? `it ${message}` : `${path.join('.')} ${message}`,
  );
}

function invalid(secretId: string, problems: readonly string[]): ConfigurationError {
  const lines = problems.map((problem) => `\n  ${problem}`).join('');
  return new ConfigurationError(
    'CONFIG_SECRET_INVALID',
    `the secret ${JSON.stringify(secretId)} cannot be used:${lines}`,
    { source: secretId },
  );
}
