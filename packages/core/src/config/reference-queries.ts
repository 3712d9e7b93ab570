/** The statements that the reference tool documents, by what they do. `{table}` is the state table. */
const REFERENCE_QUERIES = {
  insert: 'INSERT INTO {table} (dir_key) VALUES (%s)',
  objectsPull:
    'SELECT dir_key FROM {table} WHERE initial_transfer IS TRUE AND cdn_transfer_published IS FALSE LIMIT 10',
  objectsUpdate: 'UPDATE {table} SET initial_transfer = FALSE, cdn_transfer_published = TRUE WHERE dir_key = %s',
  syncCheckPull:
    'SELECT dir_key FROM {table} WHERE (gcs_size = 0 OR sync_check_frequency = 0) AND sync_check_published IS FALSE LIMIT 10',
  syncCheckUpdate: 'UPDATE {table} SET sync_check_published = TRUE WHERE dir_key = %s',
  syncCheckStart:
    'UPDATE {table} SET sync_check_in_progress = TRUE, sync_check_last_start = (%s) ' +
    'WHERE dir_key = (%s) AND sync_check_in_progress = FALSE AND rsync_in_progress = FALSE',
  syncCheckEnd:
    'UPDATE {table} SET sync_check_in_progress = FALSE, s3_size = (%s), gcs_size = (%s), sync_check_last_end = (%s), ' +
    'sync_check_frequency = sync_check_frequency + 1, sync_check_error = (%s) WHERE dir_key = (%s)',
  rsyncPull:
    'SELECT dir_key FROM {table} WHERE (s3_size != gcs_size AND gcs_size != 0) AND sync_check_frequency > 0 ' +
    'AND rsync_published IS FALSE LIMIT 10',
  rsyncUpdate: 'UPDATE {table} SET rsync_published = TRUE WHERE dir_key = %s',
  rsyncStart:
    'UPDATE {table} SET rsync_in_progress = TRUE, rsync_last_start = (%s) ' +
    'WHERE dir_key = (%s) AND sync_check_in_progress = FALSE AND rsync_in_progress = FALSE',
  rsyncEnd:
    'UPDATE {table} SET rsync_in_progress = FALSE, s3_size = (%s), gcs_size = (%s), rsync_last_end = (%s), ' +
    'rsync_frequency = rsync_frequency + 1, rsync_error = (%s) WHERE dir_key = (%s)',
} as const;

export type ReferenceQueryKind = keyof typeof REFERENCE_QUERIES;

/** The reference tool's own statement for a table, as an entity holds it. */
export function referenceQuery(kind: ReferenceQueryKind, table: string): string {
  return REFERENCE_QUERIES[kind].replace('{table}', () => table);
}

/**
 * Tells whether an override is the reference tool's own statement: a built-in statement then does the same, and costs the
 * same for any number of rows. White space, upper and lower case of the SQL words, parentheses around a placeholder, back
 * quotes and a last semicolon make no difference; nor does the LIMIT, which says how much is done at a time and not what.
 * @param table as in `mysql_table`
 */
export function isReferenceQuery(kind: ReferenceQueryKind, sql: string, table: string): boolean {
  return normalize(sql, table) === normalize(referenceQuery(kind, table), table);
}

function normalize(sql: string, table: string): string {
  const tokens = sql.replaceAll('`', '').match(/[\w$.]+|%s|[^\s\w$]/g) ?? [];
  if (tokens.at(-1) === ';') tokens.pop();
  // Names of tables may differ in case alone.
  const words = tokens.map((token) => (token === table ? '{table}' : token.toLowerCase()));
  return words
    .join(' ')
    .replaceAll('( %s )', '%s')
    .replace(/ limit \d+$/, '');
}
