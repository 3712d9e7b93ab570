/**
 * Characters that a terminal takes for commands, and those that turn the order of what is shown around: controls but for
 * line breaks and tabs, and marks of direction.
 */
const UNPRINTABLE = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A text for people, in which keys, names and what servers say can neither steer the terminal nor show as something else: such
 * characters are written as JSON writes them (`\u001b`).
 * @see https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** {@link printable} in one line, which nothing in the text can end. */
export function printableLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, ' '));
}
