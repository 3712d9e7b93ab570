/** Name of a file that must never come to be: some payloads try to make it where a command runs. */
export const CANARY_FILE = 'canary';

/**
 * Texts that mean something to SQL, to shells, to option parsers, to format strings, to terminals, to spreadsheets, to XML,
 * to URL parsers or to JavaScript's objects; legal in names of S3 and of GCS, and without a slash.
 */
export const PAYLOADS: readonly string[] = [
  `'; DROP TABLE object_transfer_state; --`,
  `"; DROP TABLE messages; --`,
  `x' OR '1'='1`,
  `" OR 1=1 #`,
  `\\'; DELETE FROM bystander; -- `,
  `x') ON DUPLICATE KEY UPDATE dir_key = ('gone`,
  '`); DROP TABLE bystander; -- ',
  '%s',
  '%(name)s %d %n %%',
  '?, ?',
  '_%',
  `$(touch ${CANARY_FILE})`,
  `\`touch ${CANARY_FILE}\``,
  `; touch ${CANARY_FILE};`,
  `| touch ${CANARY_FILE} &`,
  `' && touch ${CANARY_FILE} #`,
  `-oProxyCommand=touch ${CANARY_FILE}`,
  '--config=other.yaml',
  '--',
  '*',
  '{a,b}',
  '..%2f..%2fetc%2fpasswd',
  '__proto__',
  'constructor',
  'toString',
  '=cmd|calc!A0',
  '@SUM(1+1)',
  '\u001B[2J\u001B]0;title\u0007',
  '\u009B31m\u202Egpj.exe',
  '?Policy=a&Signature=b#fragment',
  '\\u0000\\x00\\0',
];

/** Legal in keys of S3, but not in names of GCS: requests and log lines that try to end before their end. */
export const LINE_BREAK_PAYLOADS: readonly string[] = [
  'x HTTP/1.1\r\nHost: elsewhere\r\n\r\nGET /other',
  'x\nerror NONE: VERIFIED',
  'x\r\nX-Injected: yes',
];

/** As {@link PAYLOADS}, of several segments. */
export const PATH_PAYLOADS: readonly string[] = [
  '../../../../etc/passwd',
  '/etc/passwd',
  '<!ENTITY x SYSTEM "file:///etc/passwd">&x;',
  '${jndi:ldap://127.0.0.1:1/x}',
];
