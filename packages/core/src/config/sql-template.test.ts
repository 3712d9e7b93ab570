import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf, parseSqlTemplate, SqlTemplateError, type SqlTemplate } from './sql-template.ts';

/** What the parts of a statement become: quoted and commented text keeps what looks like a placeholder. */
const PARTS: readonly (readonly [given: string, sql: string, placeholders: number])[] = [
  ['UPDATE t SET a = ', 'UPDATE t SET a = ', 0],
  [' ', ' ', 0],
  ['%s', '?', 1],
  ['(%s)', '(?)', 1],
  ['%%', '%', 0],
  ['a % b', 'a % b', 0],
  ["'%s; ? -- /*'", "'%s; ? -- /*'", 0],
  ["'it''s \\' 100%%'", "'it''s \\' 100%'", 0],
  ['"a"" \\" %s"', '"a"" \\" %s"', 0],
  ['`%s ``?;`', '`%s ``?;`', 0],
  ["/* it's ; %s ? */", "/* it's ; %s ? */", 0],
  ["-- don't; %s?\n", "-- don't; %s?\n", 0],
  ['--\n', '--\n', 0],
  ['--\t%s ; ?\n', '--\t%s ; ?\n', 0],
  ['# "%s"?;\n', '# "%s"?;\n', 0],
  ['/*!40000 x */', '/*!40000 x */', 0],
  ['a - -1', 'a - -1', 0],
  ['5--1', '5--1', 0],
  ['ä😀', 'ä😀', 0],
];

const parts = fc.array(fc.constantFrom(...PARTS), { minLength: 1 });

/** A harmless statement where the text is refused. */
function templateOf(text: string): SqlTemplate {
  try {
    return parseSqlTemplate(text);
  } catch (error) {
    if (error instanceof SqlTemplateError) return parseSqlTemplate('x');
    throw error;
  }
}

describe('parseSqlTemplate', () => {
  it('turns what is a placeholder into one of the driver, and nothing else', () => {
    fc.assert(
      fc.property(parts, fc.constantFrom('', ';', ' ;\n ', '; -- %s ; end'), (chosen, end) => {
        // The parts are kept apart, and the first is code: quotes side by side would be one literal.
        const given = `x ${chosen.map(([text]) => text).join(' ')}${end}`;
        const template = parseSqlTemplate(`\n ${given} `);
        expect(template.sql).toBe(`x ${chosen.map(([, sql]) => sql).join(' ')}`.trimEnd());
        expect(template.placeholders).toBe(chosen.reduce((sum, [, , count]) => sum + count, 0));
      }),
    );
  });

  it('never makes more than one statement or another number of placeholders of whatever it accepts', () => {
    const alphabet = fc.constantFrom('%', 's', '?', ';', "'", '"', '`', '\\', '-', ' ', '\n', '/', '*', '#', '!', 'a');
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 20 }), (text) => {
        const template = templateOf(text);
        const code = codeOf(template.sql).replaceAll(/`[^`]*`/g, '');
        expect(code).not.toContain(';');
        expect(code.split('?')).toHaveLength(template.placeholders + 1);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['', 'must be an SQL statement'],
    [' ; ', 'must be an SQL statement'],
    ['DELETE FROM a; DELETE FROM b', 'must be one statement'],
    ['SELECT 1;;', 'must be one statement'],
    ['SELECT 1; /*!40000 DROP TABLE a */', 'must be one statement'],
    ['SELECT 1 /* ; */; DROP TABLE a', 'must be one statement'],
    ["UPDATE t SET a = 'b WHERE dir_key = %s", "has a ' that is never closed"],
    ['UPDATE t SET a = "b\\" WHERE dir_key = %s', 'has a " that is never closed'],
    ['SELECT `a', 'has a ` that is never closed'],
    ['SELECT 1 /* x', 'has a comment that is never closed'],
    ['UPDATE t SET a = ? WHERE dir_key = %s', 'has a ? outside of quotes'],
    ['UPDATE t SET a = 1 WHERE dir_key = %(dir_key)s', 'has a placeholder with a name'],
    ['SELECT 1 /*! ? */', 'has a ? outside of quotes'],
    ['SELECT 1\0', 'has a NUL character'],
  ])('refuses %j', (text, message) => {
    expect(() => parseSqlTemplate(text)).toThrow(message);
  });

  it('keeps the text as it was given, but for what stands at its end', () => {
    expect(parseSqlTemplate("  UPDATE t\n SET a = '%%' WHERE dir_key = (%s) ; ")).toEqual({
      text: "UPDATE t\n SET a = '%%' WHERE dir_key = (%s)",
      sql: "UPDATE t\n SET a = '%' WHERE dir_key = (?)",
      placeholders: 1,
    });
  });
});
