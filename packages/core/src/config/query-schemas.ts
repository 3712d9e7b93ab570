import { z } from 'zod';
import { codeOf, parseSqlTemplate, SqlTemplateError, type SqlTemplate } from './sql-template.ts';
import { text } from './value-schemas.ts';

/** SQL in place of a built-in statement. The text is not repeated in messages: it may be long. */
const template: z.ZodType<SqlTemplate> = text.transform((sql, context) => {
  try {
    return parseSqlTemplate(sql);
  } catch (error) {
    if (!(error instanceof SqlTemplateError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

/** A statement that values are bound to. @param values their names, in the order in which they are bound */
export function boundQuery(values: readonly string[]): z.ZodType<SqlTemplate> {
  return template.superRefine(({ placeholders }, context) => {
    if (placeholders === values.length) return;
    const [one] = values;
    const wanted =
      values.length === 1
        ? `must have one %s, for ${one}`
        : `must have ${values.length} %s, for ${values.slice(0, -1).join(', ')} and ${values.at(-1)}, in this order`;
    context.addIssue({ code: 'custom', message: `${wanted}; it has ${placeholders} (within quotes %s is text)` });
  });
}

/** A statement that yields `dir_key`, with nothing bound to it. */
export const pullQuery: z.ZodType<SqlTemplate> = template.superRefine(({ sql, placeholders }, context) => {
  const code = codeOf(sql);
  const message =
    placeholders > 0
      ? 'must have no %s: nothing is bound to it'
      : !/^[\s(]*(?:select|with)\b/i.test(code)
        ? 'must be a SELECT'
        : !/\bdir_key\b|\*/i.test(code)
          ? 'must select a column dir_key'
          : undefined;
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});
