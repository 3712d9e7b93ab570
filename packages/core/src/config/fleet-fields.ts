import { projectId, secretId } from './google-schemas.ts';
import { field } from './field.ts';
import { boundQuery, pullQuery } from './query-schemas.ts';
import { QUALIFIED_STATE_TABLE_NAME, STATE_TABLE_FORM } from './state-table-name.ts';
import { text } from './value-schemas.ts';

/** What MySQL and Google's services need. Each of them takes the place of what one machine has of its own. */
export const FLEET_FIELDS = {
  gcpProject: field({
    name: 'gcp_project',
    description: 'Google Cloud project; given, secrets come from its Secret Manager',
    valueName: 'project',
    schema: projectId,
  }),
  credentialsSecretId: field({
    name: 'credentials_secret_id',
    description: 'secret that holds AWS and MySQL credentials as JSON (aws_key_id, aws_key_secret, mysql_config)',
    valueName: 'id',
    schema: secretId,
  }),
  mysqlTable: field({
    name: 'mysql_table',
    description: 'MySQL table that holds the state of the transfer, in place of the state file',
    valueName: 'table',
    schema: text.regex(
      QUALIFIED_STATE_TABLE_NAME,
      `must be ${STATE_TABLE_FORM}, or that after the name of a database and a dot`,
    ),
  }),
  pullQuery: field({
    name: 'pull_query',
    description: 'SQL that selects subfolders to publish, in place of the built-in statement',
    valueName: 'sql',
    schema: pullQuery,
  }),
  updateQuery: field({
    name: 'update_query',
    description: 'SQL that marks a subfolder as published, in place of the built-in statement; %s is dir_key',
    valueName: 'sql',
    schema: boundQuery(['dir_key']),
  }),
  insertQuery: field({
    name: 'insert_query',
    description: 'SQL that adds a subfolder, in place of the built-in statement; %s is dir_key',
    valueName: 'sql',
    schema: boundQuery(['dir_key']),
  }),
  startQuery: field({
    name: 'start_query',
    description:
      'SQL that marks the start of a check or repair, in place of the built-in statement; %s are time and dir_key',
    valueName: 'sql',
    schema: boundQuery(['time', 'dir_key']),
  }),
  endQuery: field({
    name: 'end_query',
    description:
      'SQL that stores the result of a check or repair, in place of the built-in statement; %s are s3_size, gcs_size, time, error and dir_key',
    valueName: 'sql',
    schema: boundQuery(['s3_size', 'gcs_size', 'time', 'error', 'dir_key']),
  }),
};
