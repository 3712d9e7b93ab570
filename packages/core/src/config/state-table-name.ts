/** A name of MySQL has 64 characters at most, and the longest that a side table adds is `_object_errors`. */
const MAX_TABLE_CHARACTERS = 50;
const MAX_DATABASE_CHARACTERS = 64;

/** What a state table's name may be: what MySQL takes, and what can be told apart from the SQL around it. */
export const STATE_TABLE_NAME = new RegExp(`^${nameOf(MAX_TABLE_CHARACTERS)}$`);

/** {@link STATE_TABLE_NAME}, after the name of its database where that is another one. */
export const QUALIFIED_STATE_TABLE_NAME = new RegExp(
  `^(?:${nameOf(MAX_DATABASE_CHARACTERS)}\\.)?${nameOf(MAX_TABLE_CHARACTERS)}$`,
);

/** For messages: "must be …". */
export const STATE_TABLE_FORM = `a table name of 1 to ${MAX_TABLE_CHARACTERS} letters, digits, _ and $`;

function nameOf(maxCharacters: number): string {
  return `[A-Za-z0-9_$]{1,${maxCharacters}}`;
}
