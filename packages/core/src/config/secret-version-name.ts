import { ConfigurationError } from '../domain/errors.ts';

/** A full name, `projects/P/secrets/S/versions/V`, or the beginning of one; a project may be `example.com:project`. */
const RESOURCE_NAME = /^projects\/[\w.:-]+\/secrets\/[\w-]{1,255}(\/versions\/(\d+|[\w-]{1,63}))?$/;
const BARE_ID = /^[\w-]{1,255}$/;

/**
 * @param secretId `ID`, `projects/PROJECT/secrets/ID`, or that with `/versions/VERSION`; the latest version unless one is named
 * @param projectId where a bare id is looked for
 * @throws ConfigurationError `CONFIG_INVALID`
 * @see https://cloud.google.com/secret-manager/docs/reference/rpc/google.cloud.secretmanager.v1
 */
export function secretVersionName(secretId: string, projectId: string): string {
  if (BARE_ID.test(secretId)) return `projects/${projectId}/secrets/${secretId}/versions/latest`;
  const match = RESOURCE_NAME.exec(secretId);
  if (match !== null) return match[1] === undefined ? `${secretId}/versions/latest` : secretId;
  // Some give the secret where its id belongs: only what can be no secret is shown.
  const given = /^projects?\//.test(secretId) ? JSON.stringify(secretId) : `${secretId.length} characters, not shown`;
  const forms = 'ID, projects/PROJECT/secrets/ID or projects/PROJECT/secrets/ID/versions/VERSION';
  throw new ConfigurationError('CONFIG_INVALID', `the id of a secret must be ${forms}, and is ${given}`);
}
