/** A statement of the operator's with its placeholders in the form that the driver binds. */
export interface SqlTemplate {
  /** As it was given, without white space and semicolon at its end. */
  readonly text: string;
  /** With `?` for every placeholder. For prepared statements: a driver that splices values in would look into literals. */
  readonly sql: string;
  readonly placeholders: number;
}

/** Why a text is no template: for a message that names the field. */
export class SqlTemplateError extends Error {}

/**
 * What a statement is made of, as MySQL and MariaDB see it: literals and quoted names, comments, white space, and one
 * character of code. Comments that are executed belong to the code. The backslash escapes in literals, as it does unless `NO_BACKSLASH_ESCAPES` is set.
 * @see https://dev.mysql.com/doc/refman/8.4/en/string-literals.html
 * @see https://dev.mysql.com/doc/refman/8.4/en/comments.html
 */
const PARTS =
  /(?<quoted>'(?:[^'\\]|\\[^]|'')*'|"(?:[^"\\]|\\[^]|"")*"|`(?:[^`]|``)*`)|(?<comment>#[^\n]*|--(?=[^!-\uffff]|$)[^\n]*|\/\*(?!M?!)[^]*?\*\/)|(?<code>%%|%s|[^])/g;

/**
 * Reads a statement in the reference tool's form, where `%s` or `(%s)` stands for a value and `%%` for a percent sign.
 * Within quotes and comments `%s` is text, and `%%` is a percent sign too.
 * @throws SqlTemplateError for a text that is not exactly one statement, or that could not be told apart from one with
 *   other placeholders
 */
export function parseSqlTemplate(given: string): SqlTemplate {
  const text = given.trim();
  let sql = '';
  let placeholders = 0;
  let endsAt: number | undefined;
  for (const part of text.matchAll(PARTS)) {
    const { quoted, comment, code } = part.groups ?? {};
    const isBlank = comment !== undefined || /^\s$/.test(code ?? '');
    if (endsAt !== undefined && !isBlank)
      throw new SqlTemplateError('must be one statement: something follows its semicolon');
    if (code === ';') endsAt = part.index;
    if (endsAt !== undefined) continue;
    if (code === '%s') {
      placeholders++;
      sql += '?';
    } else if (code === undefined) {
      sql += (quoted ?? comment ?? '').replaceAll('%%', '%');
    } else {
      refuseCode(code, text.slice(part.index));
      sql += code === '%%' ? '%' : code;
    }
  }
  if (sql.trim() === '') throw new SqlTemplateError('must be an SQL statement');
  return { text: text.slice(0, endsAt).trimEnd(), sql: sql.trimEnd(), placeholders };
}

/** @param rest of the statement, from this character on */
function refuseCode(code: string, rest: string): void {
  if (code === "'" || code === '"' || code === '`') {
    throw new SqlTemplateError(`has a ${code} that is never closed`);
  }
  if (rest.startsWith('/*') && !/^\/\*M?!/.test(rest)) throw new SqlTemplateError('has a comment that is never closed');
  if (code === '?') throw new SqlTemplateError('has a ? outside of quotes: a value is %s');
  if (code === '\0') throw new SqlTemplateError('has a NUL character');
  if (/^%\(\w+\)s/.test(rest)) throw new SqlTemplateError('has a placeholder with a name: a value is %s');
}

/** Words and signs of a statement outside of quotes and comments, for a look at its form. */
export function codeOf(sql: string): string {
  return sql.replaceAll(PARTS, (part: string, quoted: string | undefined, comment: string | undefined) =>
    comment !== undefined ? ' ' : quoted === undefined || quoted.startsWith('`') ? part : "''",
  );
}
